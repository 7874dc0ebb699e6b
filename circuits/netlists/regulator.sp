* Linear regulator: supply `in` of the chip -> supply `out` of the arrays, converters and references of some sub-tiles.
*
* An n-channel pair compares the output, sensed at `sense`, with `ref`; its p-channel mirror drives the gate of the pass device. The
* output's capacitance makes the dominant pole at every load. r_load keeps the pole of the gate above the loop's unity-gain
* frequency, at the price of gain, and the series resistance r_out of the capacitance adds a zero there.
* 7 % between the halves of the mirror lower the output by about 6 mV, which centres it over the loads.
* r_bleed is a load for sub-tiles that only leak: without one the pass device's own leakage would lift the output.
* The amplifier sees the whole input, so its transistors have the thick oxide of the cells' read transistors. The pass device is a core
* device: its source is at the input and its drain at the output, so that no two of its terminals are further apart than the core's
* supply. A thick-oxide one for the same current has so much more gate that the loop is several times slower.
.subckt regulator in ref sense out vss
+ w_pass=300u w_in=40u w_mirror=20u l_in=150n w_tail=20u w_diode=2u l_tail=300n r_bias=50k r_load=80k r_bleed=11k c_out=4n r_out=0.5
rb in nb {r_bias}
xb nb nb vss vss dev_nmos_read w={w_diode} l={l_tail}
xt t nb vss vss dev_nmos_read w={w_tail} l={l_tail}
xs m sense t vss dev_nmos_read w={w_in/4} l={l_in} m=4
xr gate ref t vss dev_nmos_read w={w_in/4} l={l_in} m=4
xm m m in in dev_pmos_read w={w_mirror/4} l={l_in} m=4
xo gate m in in dev_pmos_read w={1.07*w_mirror/4} l={l_in} m=4
rl gate m {r_load}
xp out gate in in dev_pmos w={w_pass/30} l={l_min} m=30
rbleed out vss {r_bleed}
cout out esr {c_out}
rout esr vss {r_out}
.ends regulator
