* Standard cells of the digital periphery: static CMOS in device roles, on the gates of logic.sp. Every input drives gates only,
* so a cell's delay and energy depend on the slew of its inputs and the load of its outputs. Widths in w_min, lengths l_min;
* p is twice as wide as n, and two or three n in series are 1.5 or 2 times, two p in series 1.5 times as wide.
.subckt inv_x1 a y vdd vss
xi a y vdd vss inv x=1
.ends inv_x1

.subckt inv_x2 a y vdd vss
xi a y vdd vss inv x=2
.ends inv_x2

.subckt inv_x4 a y vdd vss
xi a y vdd vss inv x=4
.ends inv_x4

.subckt inv_x8 a y vdd vss
xi a y vdd vss inv x=8
.ends inv_x8

.subckt buf_x2 a y vdd vss
xi1 a n vdd vss inv x=1
xi2 n y vdd vss inv x=2
.ends buf_x2

.subckt buf_x4 a y vdd vss
xi1 a n vdd vss inv x=1.5
xi2 n y vdd vss inv x=4
.ends buf_x4

.subckt buf_x8 a y vdd vss
xi1 a n vdd vss inv x=3
xi2 n y vdd vss inv x=8
.ends buf_x8

.subckt nand2_x1 a b y vdd vss
xg a b y vdd vss nand2 x=1
.ends nand2_x1

.subckt nand3_x1 a b c y vdd vss
xna y a m1 vss dev_nmos w={2*w_min} l={l_min}
xnb m1 b m2 vss dev_nmos w={2*w_min} l={l_min}
xnc m2 c vss vss dev_nmos w={2*w_min} l={l_min}
xpa y a vdd vdd dev_pmos w={2*w_min} l={l_min}
xpb y b vdd vdd dev_pmos w={2*w_min} l={l_min}
xpc y c vdd vdd dev_pmos w={2*w_min} l={l_min}
.ends nand3_x1

.subckt nor2_x1 a b y vdd vss
xna y a vss vss dev_nmos w={w_min} l={l_min}
xnb y b vss vss dev_nmos w={w_min} l={l_min}
xpa m a vdd vdd dev_pmos w={3*w_min} l={l_min}
xpb y b m vdd dev_pmos w={3*w_min} l={l_min}
.ends nor2_x1

* y = !(a b + c)
.subckt aoi21_x1 a b c y vdd vss
xna y a m vss dev_nmos w={1.5*w_min} l={l_min}
xnb m b vss vss dev_nmos w={1.5*w_min} l={l_min}
xnc y c vss vss dev_nmos w={w_min} l={l_min}
xpa t a vdd vdd dev_pmos w={3*w_min} l={l_min}
xpb t b vdd vdd dev_pmos w={3*w_min} l={l_min}
xpc y c t vdd dev_pmos w={3*w_min} l={l_min}
.ends aoi21_x1

* y = !((a + b) c)
.subckt oai21_x1 a b c y vdd vss
xna m a vss vss dev_nmos w={1.5*w_min} l={l_min}
xnb m b vss vss dev_nmos w={1.5*w_min} l={l_min}
xnc y c m vss dev_nmos w={1.5*w_min} l={l_min}
xpa t a vdd vdd dev_pmos w={3*w_min} l={l_min}
xpb y b t vdd dev_pmos w={3*w_min} l={l_min}
xpc y c vdd vdd dev_pmos w={2*w_min} l={l_min}
.ends oai21_x1

* y = !(a b + !(a + b))
.subckt xor2_x1 a b y vdd vss
xnor a b n vdd vss nor2_x1
xaoi a b n y vdd vss aoi21_x1
.ends xor2_x1

* Inverter that drives only while on is high and onb low.
.subckt inv_tri a y on onb vdd vss x=1
xna m a vss vss dev_nmos w={x*w_min} l={l_min}
xnb y on m vss dev_nmos w={x*w_min} l={l_min}
xpa t a vdd vdd dev_pmos w={2*x*w_min} l={l_min}
xpb y onb t vdd dev_pmos w={2*x*w_min} l={l_min}
.ends inv_tri

* y = s ? b : a
.subckt mux2_x1 a b s y vdd vss
xis s sb vdd vss inv x=1
xia a n sb s vdd vss inv_tri x=1
xib b n s sb vdd vss inv_tri x=1
xio n y vdd vss inv x=1
.ends mux2_x1

* Half adder: co = a b, y = (a + b) !(a b)
.subckt ha_x1 a b y co vdd vss
xg a b n vdd vss nand2 x=1
xic n co vdd vss inv x=1
xo a b n m vdd vss oai21_x1
xiy m y vdd vss inv x=1
.ends ha_x1

* Full adder, the mirror circuit (Weste and Harris, CMOS VLSI Design, 4th ed., fig. 11.4): the carry's complement
* nc = !(a b + c (a + b)), and ns = !(a b c + nc (a + b + c)).
.subckt fa_x1 a b c y co vdd vss
xnc1 d1 a vss vss dev_nmos w={1.5*w_min} l={l_min}
xnc2 d1 b vss vss dev_nmos w={1.5*w_min} l={l_min}
xnc3 nc c d1 vss dev_nmos w={1.5*w_min} l={l_min}
xnc4 d2 a vss vss dev_nmos w={1.5*w_min} l={l_min}
xnc5 nc b d2 vss dev_nmos w={1.5*w_min} l={l_min}
xpc1 u1 a vdd vdd dev_pmos w={3*w_min} l={l_min}
xpc2 u1 b vdd vdd dev_pmos w={3*w_min} l={l_min}
xpc3 nc c u1 vdd dev_pmos w={3*w_min} l={l_min}
xpc4 u2 a vdd vdd dev_pmos w={3*w_min} l={l_min}
xpc5 nc b u2 vdd dev_pmos w={3*w_min} l={l_min}
xns1 d3 a vss vss dev_nmos w={1.5*w_min} l={l_min}
xns2 d3 b vss vss dev_nmos w={1.5*w_min} l={l_min}
xns3 d3 c vss vss dev_nmos w={1.5*w_min} l={l_min}
xns4 ns nc d3 vss dev_nmos w={1.5*w_min} l={l_min}
xns5 d4 a vss vss dev_nmos w={2*w_min} l={l_min}
xns6 d5 b d4 vss dev_nmos w={2*w_min} l={l_min}
xns7 ns c d5 vss dev_nmos w={2*w_min} l={l_min}
xps1 u3 a vdd vdd dev_pmos w={3*w_min} l={l_min}
xps2 u3 b vdd vdd dev_pmos w={3*w_min} l={l_min}
xps3 u3 c vdd vdd dev_pmos w={3*w_min} l={l_min}
xps4 ns nc u3 vdd dev_pmos w={3*w_min} l={l_min}
xps5 u4 a vdd vdd dev_pmos w={4*w_min} l={l_min}
xps6 u5 b u4 vdd dev_pmos w={4*w_min} l={l_min}
xps7 ns c u5 vdd dev_pmos w={4*w_min} l={l_min}
xic nc co vdd vss inv x=1
xiy ns y vdd vss inv x=1
.ends fa_x1

* Storage: in passes to m while on is high; m = in, mb = !in, held by a clocked inverter while on is low.
.subckt hold_stage in m mb on onb vdd vss
xt in m on onb vdd vss tgate w_n={w_min} w_p={w_min}
xi m mb vdd vss inv x=1
xf mb m onb on vdd vss inv_tri x=1
.ends hold_stage

* Transparent while g is high.
.subckt latch_x1 d g q vdd vss
xig g gb vdd vss inv x=1
xig2 gb gi vdd vss inv x=1
xid d nd vdd vss inv x=1
xh nd m mb gi gb vdd vss hold_stage
xiq m q vdd vss inv x=1
.ends latch_x1

* Master and slave; q takes d at the rising edge.
.subckt dff_x1 d clk q vdd vss
xic clk cb vdd vss inv x=1
xic2 cb ci vdd vss inv x=1
xid d nd vdd vss inv x=1
xm nd m mb cb ci vdd vss hold_stage
xs mb s sb ci cb vdd vss hold_stage
xiq sb q vdd vss inv x=1
.ends dff_x1

* Takes d where en is high, else keeps its state.
.subckt dffe_x1 d en clk q vdd vss
xic clk cb vdd vss inv x=1
xic2 cb ci vdd vss inv x=1
xie en eb vdd vss inv x=1
xid d nd en eb vdd vss inv_tri x=1
xik s nd eb en vdd vss inv_tri x=1
xm nd m mb cb ci vdd vss hold_stage
xs mb s sb ci cb vdd vss hold_stage
xiq sb q vdd vss inv x=1
.ends dffe_x1

* y = clk while the en that a latch took at the last low clk was high.
.subckt clkgate_x1 clk en y vdd vss
xic clk cb vdd vss inv x=1
xic2 cb ci vdd vss inv x=1
xie en ne vdd vss inv x=1
xh ne m e cb ci vdd vss hold_stage
xg clk e n vdd vss nand2 x=1
xiy n y vdd vss inv x=2
.ends clkgate_x1
