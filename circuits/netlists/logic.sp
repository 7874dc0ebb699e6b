* Static CMOS gates used by the converters and the row drivers. x scales the drive of the smallest gate.
* l_min and w_min are global parameters: shortest channel and narrowest width (m) of the technology's core devices.
.subckt inv a y vdd vss x=1
xn y a vss vss dev_nmos w={x*w_min} l={l_min}
xp y a vdd vdd dev_pmos w={2*x*w_min} l={l_min}
.ends inv

.subckt nand2 a b y vdd vss x=1
xna y a m vss dev_nmos w={1.5*x*w_min} l={l_min}
xnb m b vss vss dev_nmos w={1.5*x*w_min} l={l_min}
xpa y a vdd vdd dev_pmos w={2*x*w_min} l={l_min}
xpb y b vdd vdd dev_pmos w={2*x*w_min} l={l_min}
.ends nand2

* Transmission gate.
.subckt tgate a b on onb vdd vss w_n={2*w_min} w_p={4*w_min} l={l_min}
xn a on b vss dev_nmos w={w_n} l={l}
xp a onb b vdd dev_pmos w={w_p} l={l}
.ends tgate

* Row driver: one pulse in, both polarities of the read word line out (three inversions to rwlb, four to rwl); x is the last
* stage's drive.
.subckt row_driver in rwl rwlb vdd vss x=8
xi1 in n1 vdd vss inv x=1
xi2 n1 n2 vdd vss inv x={x/2}
xi3 n2 rwlb vdd vss inv x={x}
xi4 n1 n3 vdd vss inv x={x/4}
xi5 n3 n4 vdd vss inv x={x/2}
xi6 n4 rwl vdd vss inv x={x}
.ends row_driver
