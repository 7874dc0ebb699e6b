* Bias of a bank's ramps (`ramp_bias` of charge_to_pulse.sp) with a switch: while `on` is low (`onb` high) the replicas and the tails
* of the amplifiers carry no current. The replica cells must be off then as well: rp and rn float near v_ref, and c_line holds the
* lines, so little is left to settle when `on` rises. Needs logic.sp and charge_to_pulse.sp.
* l_min and w_min are global parameters: shortest channel and narrowest width (m) of the technology's core devices.

.subckt gated_amplifier_n up down out on vdd vss
xt t on vss vss dev_nmos w={1.5*w_min} l={l_min}
xu m up t vss dev_nmos w={20*w_min} l={3*l_min}
xd out down t vss dev_nmos w={20*w_min} l={3*l_min}
xm m m vdd vdd dev_pmos w={6*w_min} l={4*l_min}
xo out m vdd vdd dev_pmos w={6*w_min} l={4*l_min}
.ends gated_amplifier_n

.subckt gated_amplifier_p up down out onb vdd vss
xt t onb vdd vdd dev_pmos w={6*w_min} l={l_min}
xu m up t vdd dev_pmos w={80*w_min} l={3*l_min}
xd out down t vdd dev_pmos w={80*w_min} l={3*l_min}
xm m m vss vss dev_nmos w={6*w_min} l={4*l_min}
xo out m vss vss dev_nmos w={6*w_min} l={4*l_min}
.ends gated_amplifier_p

.subckt gated_ramp_bias vbp vbn vbpc vbnc rp rn v_ref on onb vdd vss w_p=6u w_n=3u l=200n c_line=5p r_bias=0.001
xrp rp onb gp vbpc vdd vss ramp_p w={w_p} l={l}
xap rp v_ref gp on vdd vss gated_amplifier_n
cp vdd gp {c_line}
rbp gp vbp {r_bias}
xrn rn on gn vbnc vdd vss ramp_n w={w_n} l={l}
xan rn v_ref gn onb vdd vss gated_amplifier_p
cn gn vss {c_line}
rbn gn vbn {r_bias}
.ends gated_ramp_bias
