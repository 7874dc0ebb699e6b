* Gain cell, six transistors: write device(s) onto a storage capacitor, and a tri-state inverter that reads it.
*
* The read stage sinks current from bl when v(sn) > vdd/2 and sources it when v(sn) < vdd/2, for as long as rwl is high
* (rwlb low): charge on bl = current(v(sn)) x pulse width. The switches sit on the bit-line side, so the inverter's
* internal nodes rest at the rails and the bit line sees no storage-dependent capacitance when the cell is idle.
* Each of the three pairs of transistors has roles of its own (dev_*_read, dev_*_write, dev_*_switch). What leaks through the
* gates of the read pair and the drains of the write pair is lost to the storage node, and the current of an idle cell flows
* through the switches, so a technology may name devices with a thicker oxide or a higher threshold for them.

.subckt read_stage rwl rwlb bl sn vdd vss w_rn={w_min} l_rn=780n w_rp={2*w_min} l_rp=480n w_sw={w_min} l_sw={l_min}
xrn dn sn vss vss dev_nmos_read w={w_rn} l={l_rn}
xsn bl rwl dn vss dev_nmos_switch w={w_sw} l={l_sw}
xrp dp sn vdd vdd dev_pmos_read w={w_rp} l={l_rp}
xsp bl rwlb dp vdd dev_pmos_switch w={w_sw} l={l_sw}
.ends read_stage

* Complementary write: a transmission gate (wwl, wwlb).
.subckt gain_cell wbl wwl wwlb rwl rwlb bl sn vdd vss
+ c_store=5f w_wn={w_min} w_wp={w_min} l_w={2*l_min} w_rn={w_min} l_rn=780n w_rp={2*w_min} l_rp=480n w_sw={w_min} l_sw={l_min}
xwn wbl wwl sn vss dev_nmos_write w={w_wn} l={l_w}
xwp wbl wwlb sn vdd dev_pmos_write w={w_wp} l={l_w}
cs sn vss {c_store}
xread rwl rwlb bl sn vdd vss read_stage w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
.ends gain_cell

* Oxide-semiconductor write device above the CMOS read stage: one write transistor, wwlb unused.
.subckt gain_cell_oxide wbl wwl wwlb rwl rwlb bl sn vdd vss
+ c_store=5f w_ox=60n l_ox=60n w_rn={w_min} l_rn=780n w_rp={2*w_min} l_rp=480n w_sw={w_min} l_sw={l_min}
xw wbl wwl sn vss dev_oxide w={w_ox} l={l_ox}
cs sn vss {c_store}
xread rwl rwlb bl sn vdd vss read_stage w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
.ends gain_cell_oxide
