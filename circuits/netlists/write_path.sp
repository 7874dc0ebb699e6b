* Write path: switches that put one of the DAC's reference levels on a write bit line, and the drivers of a pair of write
* word lines, whose levels lie beyond the supply. Needs logic.sp.
* l_min and w_min are global parameters: shortest channel and narrowest width (m) of the technology's core devices.
*
* Gates on the boosted rails are core devices of twice the shortest channel, in place of thick-oxide ones. Their drive is
* believable, their oxide would not bear 2.4 V for long.

* One level of the DAC: `ref` is on `line` while sel and en are high.
.subckt level_switch ref line sel en vdd vss w_n={8*w_min}
xdec sel en onb vdd vss nand2 x=2
xinv onb on vdd vss inv x=2
xt ref line on onb vdd vss tgate w_n={w_n} w_p={2*w_n}
.ends level_switch

.subckt boosted_inv a y high low x=1
xn y a low low dev_nmos w={x*w_min} l={2*l_min}
xp y a high high dev_pmos w={2*x*w_min} l={2*l_min}
.ends boosted_inv

* 0..vdd in, low..high out: cross-coupled pairs lift the upper level first and lower the lower one then. The pairs are strong,
* so that rising and falling edges take the same time: a transmission gate's clock feed-through cancels only if both of its
* word lines close at once.
.subckt level_shifter in out high low vdd vss
xinv in inb vdd vss inv x=2
xn1 ub in vss vss dev_nmos w={12*w_min} l={2*l_min}
xn2 u inb vss vss dev_nmos w={12*w_min} l={2*l_min}
xp1 ub u high high dev_pmos w={2*w_min} l={2*l_min}
xp2 u ub high high dev_pmos w={2*w_min} l={2*l_min}
xp3 d ub high high dev_pmos w={12*w_min} l={2*l_min}
xp4 db u high high dev_pmos w={12*w_min} l={2*l_min}
xn3 d db low low dev_nmos w={2*w_min} l={2*l_min}
xn4 db d low low dev_nmos w={2*w_min} l={2*l_min}
x1 db b high low boosted_inv x=4
x2 b c high low boosted_inv x=8
x3 c out high low boosted_inv x=32
.ends level_shifter

* The cells of a line that are not simulated one by one: n write devices with their storage capacitors in parallel.
.subckt write_load wbl wwl wwlb vdd vss n=1 c_store=5f w_wn={w_min} w_wp={w_min} l_w={2*l_min}
xwn wbl wwl sn vss dev_nmos_write w={n*w_wn} l={l_w}
xwp wbl wwlb sn vdd dev_pmos_write w={n*w_wp} l={l_w}
cs sn vss {n*c_store}
.ends write_load

.subckt write_load_oxide wbl wwl wwlb vdd vss n=1 c_store=5f w_ox=60n l_ox=60n
xw wbl wwl sn vss dev_oxide w={n*w_ox} l={l_ox}
cs sn vss {n*c_store}
.ends write_load_oxide
