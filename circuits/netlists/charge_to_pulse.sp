* Charge-to-pulse converter: charge integrated on `int` -> pulse on `out` with ReLU and saturation.
*
* Phases (all digital inputs swing 0..vdd and arrive as complementary pairs where two are named):
*   on           powers the comparator's first inverter, which draws current at its trip point: high during reset, and from
*                shortly before the ramp to the end of `win`
*   rst, rstb    int is tied to v_ref; the first inverter is shorted in-out, so the comparator trips at v_ref (auto-zero)
*   (integrate)  the column pulls `int` below v_ref by charge / c_int
*   ramp         a p-channel current source charges `int` back; it stops by itself when the comparator trips
*   win          starts a comparator delay after `ramp` (the skew cancels the offset) and lasts t_pulse_max: out = win AND comparator
* A charge below zero leaves `int` above v_ref, the comparator never fires and no pulse appears (ReLU); a charge above
* i_ramp x t_pulse_max is cut by the end of `win` (saturation).
* l_min and w_min are global parameters: shortest channel and narrowest width (m) of the technology's core devices.

* Auto-zeroed comparator: y is high while v(int) < v(v_ref at reset), and whenever `on` is low.
.subckt comparator int y on rst rstb vdd vss c_az=20f w_n={1.5*w_min} w_p={3.75*w_min} l={2*l_min}
caz int a {c_az}
xon f on vss vss dev_nmos w={7.5*w_min} l={l_min}
xn b a f vss dev_nmos w={w_n} l={l}
xp b a vdd vdd dev_pmos w={w_p} l={l}
* Twice the shortest channel: what leaks through xz at 125 C drifts the trip point during the operation.
xz a b rst rstb vdd vss tgate w_n={w_min} w_p={w_min} l={2*l_min}
xi2 b c vdd vss inv x=1
xi3 c d vdd vss inv x=1
xi4 d e vdd vss inv x=1
xi5 e y vdd vss inv x=1
.ends comparator

* p-channel ramp: current source vbp (long channel), cascode vbpc, switch on the supply side. As the switch closes, the source's
* channel takes its charge from the line vbp, which all converters of a bank share. The gate of xneu gives this charge back: its
* channel empties at the same edge. 0.46 and 0.42 leave little of it at every corner.
.subckt ramp_p int enb vbp vbpc vdd vss w=2u l=300n
xsw s enb vdd vdd dev_pmos w={50*w_min} l={l_min}
xsrc d vbp s vdd dev_pmos w={w} l={l}
xcas int vbpc d vdd dev_pmos w={w} l={2*l_min}
xneu enb vbp enb vdd dev_pmos w={0.46*w} l={l}
.ends ramp_p

.subckt ramp_n int en vbn vbnc vdd vss w=1u l=300n
xsw s en vss vss dev_nmos w={25*w_min} l={l_min}
xsrc d vbn s vss dev_nmos w={w} l={l}
xcas int vbnc d vss dev_nmos w={w} l={2*l_min}
xneu en vbn en vss dev_nmos w={0.42*w} l={l}
.ends ramp_n

* Differential amplifiers for inputs at half the supply, where no saturated tail current fits below a threshold: the tail xt is a
* switch that is always on and limits the current at fast corners. out rises with `up` and falls with `down`.
.subckt amplifier_n up down out vdd vss
xt t vdd vss vss dev_nmos w={1.5*w_min} l={l_min}
xu m up t vss dev_nmos w={20*w_min} l={3*l_min}
xd out down t vss dev_nmos w={20*w_min} l={3*l_min}
xm m m vdd vdd dev_pmos w={6*w_min} l={4*l_min}
xo out m vdd vdd dev_pmos w={6*w_min} l={4*l_min}
.ends amplifier_n

.subckt amplifier_p up down out vdd vss
xt t vss vdd vdd dev_pmos w={6*w_min} l={l_min}
xu m up t vdd dev_pmos w={80*w_min} l={3*l_min}
xd out down t vdd dev_pmos w={80*w_min} l={3*l_min}
xm m m vss vss dev_nmos w={6*w_min} l={4*l_min}
xo out m vss vss dev_nmos w={6*w_min} l={4*l_min}
.ends amplifier_p

* Bias of a bank's ramps: a replica of either ramp carries the reference current that is drawn from rp (fed into rn). An amplifier
* holds the replica's output, and so the cells that the current comes from, at v_ref. c_line makes the loop stable and keeps the
* line quiet. r_bias (ohm) is the resistance of the line that crosses the array.
.subckt ramp_bias vbp vbn vbpc vbnc rp rn v_ref vdd vss w_p=6u w_n=3u l=200n c_line=5p r_bias=0.001
xrp rp vss gp vbpc vdd vss ramp_p w={w_p} l={l}
xap rp v_ref gp vdd vss amplifier_n
cp vdd gp {c_line}
rbp gp vbp {r_bias}
xrn rn vdd gn vbnc vdd vss ramp_n w={w_n} l={l}
xan rn v_ref gn vdd vss amplifier_p
cn gn vss {c_line}
rbn gn vbn {r_bias}
.ends ramp_bias

* Unsigned converter (ReLU with saturation): drives the word lines of the second array.
.subckt charge_to_pulse int out on rst rstb ramp win v_ref vbp vbpc vdd vss
+ c_int=1.7p w_rst=3u w_ramp=6u l_ramp=200n c_az=20f
cint int vss {c_int}
xrst int v_ref rst rstb vdd vss tgate w_n={w_rst} w_p={2*w_rst}
xcmp int cmp on rst rstb vdd vss comparator c_az={c_az}
xen ramp cmp enb vdd vss nand2 x=2
xramp int enb vbp vbpc vdd vss ramp_p w={w_ramp} l={l_ramp}
xwin win cmp outb vdd vss nand2 x=1
xout outb out vdd vss inv x=2
.ends charge_to_pulse

* Signed converter: a latch keeps the sign the comparator shows when `smp` falls; the ramp of that polarity runs, and the
* pulse lasts while the comparator still agrees with the latch.
.subckt signed_charge_to_pulse int out sign on rst rstb smp smpb ramp win v_ref vbp vbpc vbn vbnc vdd vss
+ c_int=1.7p w_rst=4.5u w_ramp_p=3u w_ramp_n=1.5u l_ramp=200n c_az=20f
cint int vss {c_int}
xrst int v_ref rst rstb vdd vss tgate w_n={w_rst} w_p={2*w_rst}
xcmp int cmp on rst rstb vdd vss comparator c_az={c_az}
xcb cmp cmpb vdd vss inv x=1
xsi cmp ds smp smpb vdd vss tgate w_n={1.5*w_min} w_p={3*w_min}
xs1 ds signb vdd vss inv x=1
xs2 signb sign vdd vss inv x=1
xsk sign ds smpb smp vdd vss tgate w_n={1.5*w_min} w_p={3*w_min}
xpos sign cmp posb vdd vss nand2
xneg signb cmpb negb vdd vss nand2
xact posb negb act vdd vss nand2
xpi posb pos vdd vss inv
xni negb neg vdd vss inv
xep ramp pos enb_p vdd vss nand2 x=2
xen ramp neg enb_n vdd vss nand2
xei enb_n en_n vdd vss inv x=2
xrp int enb_p vbp vbpc vdd vss ramp_p w={w_ramp_p} l={l_ramp}
xrn int en_n vbn vbnc vdd vss ramp_n w={w_ramp_n} l={l_ramp}
xwin win act outb vdd vss nand2
xout outb out vdd vss inv x=2
.ends signed_charge_to_pulse
