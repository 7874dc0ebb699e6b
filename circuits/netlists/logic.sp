* Static CMOS gates used by the converters and the row drivers. x scales the drive of the smallest gate.
.subckt inv a y vdd vss x=1
xn y a vss vss dev_nmos w={x*80n} l=30n
xp y a vdd vdd dev_pmos w={x*160n} l=30n
.ends inv

.subckt nand2 a b y vdd vss x=1
xna y a m vss dev_nmos w={x*120n} l=30n
xnb m b vss vss dev_nmos w={x*120n} l=30n
xpa y a vdd vdd dev_pmos w={x*160n} l=30n
xpb y b vdd vdd dev_pmos w={x*160n} l=30n
.ends nand2

* Transmission gate.
.subckt tgate a b on onb vdd vss w_n=160n w_p=320n l=30n
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
