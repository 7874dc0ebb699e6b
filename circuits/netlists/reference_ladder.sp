* Reference ladder of the write DAC: n equal resistors between two switches that are closed while `on` is high. Needs logic.sp.
* The levels are taken from the nodes between the resistors, which the testbench adds; this is one end of the string.
* l_min and w_min are global parameters: shortest channel and narrowest width (m) of the technology's core devices.
.subckt ladder_switch_p node rail onb vdd vss w={400*w_min}
xp node onb rail vdd dev_pmos w={w} l={l_min}
.ends ladder_switch_p

.subckt ladder_switch_n node rail on vdd vss w={200*w_min}
xn node on rail vss dev_nmos w={w} l={l_min}
.ends ladder_switch_n
