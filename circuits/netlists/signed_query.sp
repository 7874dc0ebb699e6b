* Charge-to-pulse converter for a signed query: the charge of a second phase counts with the opposite sign of the first's.
*
* The integration capacitor floats between the column and v_ref, and swaps its plates between the phases:
*   fwd, rev      both high during reset: both plates at v_ref, and the column with them
*   fwd           first phase, the pulses of negative queries: the column charges plate a, plate b is held at v_ref
*   rev           from the swap to the end: the column is on plate b, plate a at v_ref, so the charge collected so far has
*                 changed its sign; the pulses of positive queries follow, then the conversion as in charge_to_pulse
* What the line itself has collected (wires, junctions) is not swapped: the first phase counts a few per cent less.
* The ramp and the comparator sit on plate b, so in the conversion only one switch, at the fixed v_ref, carries the ramp's
* current; its voltage makes the pulse shorter by (its resistance) x c_int, whatever the charge: t_skew is set with it.
.subckt query_to_pulse int out on rst rstb fwd fwdb rev revb ramp win v_ref vbp vbpc vdd vss
+ c_int=1.7p w_swap=12u w_ramp=6u l_ramp=200n c_az=20f
cint a b {c_int}
xfa int a fwd fwdb vdd vss tgate w_n={w_swap} w_p={2*w_swap}
xfb b v_ref fwd fwdb vdd vss tgate w_n={w_swap} w_p={2*w_swap}
xra a v_ref rev revb vdd vss tgate w_n={w_swap} w_p={2*w_swap}
xrb int b rev revb vdd vss tgate w_n={w_swap} w_p={2*w_swap}
xcmp b cmp on rst rstb vdd vss comparator c_az={c_az}
xen ramp cmp enb vdd vss nand2 x=2
xramp b enb vbp vbpc vdd vss ramp_p w={w_ramp} l={l_ramp}
xwin win cmp outb vdd vss nand2 x=1
xout outb out vdd vss inv x=2
.ends query_to_pulse
