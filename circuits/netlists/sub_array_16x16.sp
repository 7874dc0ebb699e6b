* 16 x 16 gain cells, row drivers and wires, written by gaincell.circuits.sub_array;
* needs gain_cell.sp, logic.sp, a technology header. r_wire (ohm), c_wire (F): of one cell pitch.
.subckt sub_array_16x16 in0 in1 in2 in3 in4 in5 in6 in7 in8 in9 in10 in11 in12 in13 in14 in15 bl0 bl1 bl2 bl3 bl4 bl5
+ bl6 bl7 bl8 bl9 bl10 bl11 bl12 bl13 bl14 bl15 wbl0 wbl1 wbl2 wbl3 wbl4 wbl5 wbl6 wbl7 wbl8 wbl9 wbl10 wbl11 wbl12
+ wbl13 wbl14 wbl15 wwl0 wwl1 wwl2 wwl3 wwl4 wwl5 wwl6 wwl7 wwl8 wwl9 wwl10 wwl11 wwl12 wwl13 wwl14 wwl15 wwlb0 wwlb1
+ wwlb2 wwlb3 wwlb4 wwlb5 wwlb6 wwlb7 wwlb8 wwlb9 wwlb10 wwlb11 wwlb12 wwlb13 wwlb14 wwlb15 vdd vss
+ r_wire=3.0 c_wire=2e-16 driver=8.0
+ c_store=1e-14 w_wn=1.6e-07 w_wp=1.6e-07 l_w=1.5e-07 w_rn=1.6e-07 l_rn=1.25e-06 w_rp=2.4e-07 l_rp=4.8e-07
+ w_sw=1.2e-07 l_sw=3e-08
xdrv0 in0 rwl0_0 rwlb0_0 vdd vss row_driver x={driver}
rwl0_0 rwl0_0 rwl0_1 {r_wire}
cwl0_0 rwl0_1 vss {c_wire}
rwb0_0 rwlb0_0 rwlb0_1 {r_wire}
cwb0_0 rwlb0_1 vss {c_wire}
rwl0_1 rwl0_1 rwl0_2 {r_wire}
cwl0_1 rwl0_2 vss {c_wire}
rwb0_1 rwlb0_1 rwlb0_2 {r_wire}
cwb0_1 rwlb0_2 vss {c_wire}
rwl0_2 rwl0_2 rwl0_3 {r_wire}
cwl0_2 rwl0_3 vss {c_wire}
rwb0_2 rwlb0_2 rwlb0_3 {r_wire}
cwb0_2 rwlb0_3 vss {c_wire}
rwl0_3 rwl0_3 rwl0_4 {r_wire}
cwl0_3 rwl0_4 vss {c_wire}
rwb0_3 rwlb0_3 rwlb0_4 {r_wire}
cwb0_3 rwlb0_4 vss {c_wire}
rwl0_4 rwl0_4 rwl0_5 {r_wire}
cwl0_4 rwl0_5 vss {c_wire}
rwb0_4 rwlb0_4 rwlb0_5 {r_wire}
cwb0_4 rwlb0_5 vss {c_wire}
rwl0_5 rwl0_5 rwl0_6 {r_wire}
cwl0_5 rwl0_6 vss {c_wire}
rwb0_5 rwlb0_5 rwlb0_6 {r_wire}
cwb0_5 rwlb0_6 vss {c_wire}
rwl0_6 rwl0_6 rwl0_7 {r_wire}
cwl0_6 rwl0_7 vss {c_wire}
rwb0_6 rwlb0_6 rwlb0_7 {r_wire}
cwb0_6 rwlb0_7 vss {c_wire}
rwl0_7 rwl0_7 rwl0_8 {r_wire}
cwl0_7 rwl0_8 vss {c_wire}
rwb0_7 rwlb0_7 rwlb0_8 {r_wire}
cwb0_7 rwlb0_8 vss {c_wire}
rwl0_8 rwl0_8 rwl0_9 {r_wire}
cwl0_8 rwl0_9 vss {c_wire}
rwb0_8 rwlb0_8 rwlb0_9 {r_wire}
cwb0_8 rwlb0_9 vss {c_wire}
rwl0_9 rwl0_9 rwl0_10 {r_wire}
cwl0_9 rwl0_10 vss {c_wire}
rwb0_9 rwlb0_9 rwlb0_10 {r_wire}
cwb0_9 rwlb0_10 vss {c_wire}
rwl0_10 rwl0_10 rwl0_11 {r_wire}
cwl0_10 rwl0_11 vss {c_wire}
rwb0_10 rwlb0_10 rwlb0_11 {r_wire}
cwb0_10 rwlb0_11 vss {c_wire}
rwl0_11 rwl0_11 rwl0_12 {r_wire}
cwl0_11 rwl0_12 vss {c_wire}
rwb0_11 rwlb0_11 rwlb0_12 {r_wire}
cwb0_11 rwlb0_12 vss {c_wire}
rwl0_12 rwl0_12 rwl0_13 {r_wire}
cwl0_12 rwl0_13 vss {c_wire}
rwb0_12 rwlb0_12 rwlb0_13 {r_wire}
cwb0_12 rwlb0_13 vss {c_wire}
rwl0_13 rwl0_13 rwl0_14 {r_wire}
cwl0_13 rwl0_14 vss {c_wire}
rwb0_13 rwlb0_13 rwlb0_14 {r_wire}
cwb0_13 rwlb0_14 vss {c_wire}
rwl0_14 rwl0_14 rwl0_15 {r_wire}
cwl0_14 rwl0_15 vss {c_wire}
rwb0_14 rwlb0_14 rwlb0_15 {r_wire}
cwb0_14 rwlb0_15 vss {c_wire}
rwl0_15 rwl0_15 rwl0_16 {r_wire}
cwl0_15 rwl0_16 vss {c_wire}
rwb0_15 rwlb0_15 rwlb0_16 {r_wire}
cwb0_15 rwlb0_16 vss {c_wire}
xdrv1 in1 rwl1_0 rwlb1_0 vdd vss row_driver x={driver}
rwl1_0 rwl1_0 rwl1_1 {r_wire}
cwl1_0 rwl1_1 vss {c_wire}
rwb1_0 rwlb1_0 rwlb1_1 {r_wire}
cwb1_0 rwlb1_1 vss {c_wire}
rwl1_1 rwl1_1 rwl1_2 {r_wire}
cwl1_1 rwl1_2 vss {c_wire}
rwb1_1 rwlb1_1 rwlb1_2 {r_wire}
cwb1_1 rwlb1_2 vss {c_wire}
rwl1_2 rwl1_2 rwl1_3 {r_wire}
cwl1_2 rwl1_3 vss {c_wire}
rwb1_2 rwlb1_2 rwlb1_3 {r_wire}
cwb1_2 rwlb1_3 vss {c_wire}
rwl1_3 rwl1_3 rwl1_4 {r_wire}
cwl1_3 rwl1_4 vss {c_wire}
rwb1_3 rwlb1_3 rwlb1_4 {r_wire}
cwb1_3 rwlb1_4 vss {c_wire}
rwl1_4 rwl1_4 rwl1_5 {r_wire}
cwl1_4 rwl1_5 vss {c_wire}
rwb1_4 rwlb1_4 rwlb1_5 {r_wire}
cwb1_4 rwlb1_5 vss {c_wire}
rwl1_5 rwl1_5 rwl1_6 {r_wire}
cwl1_5 rwl1_6 vss {c_wire}
rwb1_5 rwlb1_5 rwlb1_6 {r_wire}
cwb1_5 rwlb1_6 vss {c_wire}
rwl1_6 rwl1_6 rwl1_7 {r_wire}
cwl1_6 rwl1_7 vss {c_wire}
rwb1_6 rwlb1_6 rwlb1_7 {r_wire}
cwb1_6 rwlb1_7 vss {c_wire}
rwl1_7 rwl1_7 rwl1_8 {r_wire}
cwl1_7 rwl1_8 vss {c_wire}
rwb1_7 rwlb1_7 rwlb1_8 {r_wire}
cwb1_7 rwlb1_8 vss {c_wire}
rwl1_8 rwl1_8 rwl1_9 {r_wire}
cwl1_8 rwl1_9 vss {c_wire}
rwb1_8 rwlb1_8 rwlb1_9 {r_wire}
cwb1_8 rwlb1_9 vss {c_wire}
rwl1_9 rwl1_9 rwl1_10 {r_wire}
cwl1_9 rwl1_10 vss {c_wire}
rwb1_9 rwlb1_9 rwlb1_10 {r_wire}
cwb1_9 rwlb1_10 vss {c_wire}
rwl1_10 rwl1_10 rwl1_11 {r_wire}
cwl1_10 rwl1_11 vss {c_wire}
rwb1_10 rwlb1_10 rwlb1_11 {r_wire}
cwb1_10 rwlb1_11 vss {c_wire}
rwl1_11 rwl1_11 rwl1_12 {r_wire}
cwl1_11 rwl1_12 vss {c_wire}
rwb1_11 rwlb1_11 rwlb1_12 {r_wire}
cwb1_11 rwlb1_12 vss {c_wire}
rwl1_12 rwl1_12 rwl1_13 {r_wire}
cwl1_12 rwl1_13 vss {c_wire}
rwb1_12 rwlb1_12 rwlb1_13 {r_wire}
cwb1_12 rwlb1_13 vss {c_wire}
rwl1_13 rwl1_13 rwl1_14 {r_wire}
cwl1_13 rwl1_14 vss {c_wire}
rwb1_13 rwlb1_13 rwlb1_14 {r_wire}
cwb1_13 rwlb1_14 vss {c_wire}
rwl1_14 rwl1_14 rwl1_15 {r_wire}
cwl1_14 rwl1_15 vss {c_wire}
rwb1_14 rwlb1_14 rwlb1_15 {r_wire}
cwb1_14 rwlb1_15 vss {c_wire}
rwl1_15 rwl1_15 rwl1_16 {r_wire}
cwl1_15 rwl1_16 vss {c_wire}
rwb1_15 rwlb1_15 rwlb1_16 {r_wire}
cwb1_15 rwlb1_16 vss {c_wire}
xdrv2 in2 rwl2_0 rwlb2_0 vdd vss row_driver x={driver}
rwl2_0 rwl2_0 rwl2_1 {r_wire}
cwl2_0 rwl2_1 vss {c_wire}
rwb2_0 rwlb2_0 rwlb2_1 {r_wire}
cwb2_0 rwlb2_1 vss {c_wire}
rwl2_1 rwl2_1 rwl2_2 {r_wire}
cwl2_1 rwl2_2 vss {c_wire}
rwb2_1 rwlb2_1 rwlb2_2 {r_wire}
cwb2_1 rwlb2_2 vss {c_wire}
rwl2_2 rwl2_2 rwl2_3 {r_wire}
cwl2_2 rwl2_3 vss {c_wire}
rwb2_2 rwlb2_2 rwlb2_3 {r_wire}
cwb2_2 rwlb2_3 vss {c_wire}
rwl2_3 rwl2_3 rwl2_4 {r_wire}
cwl2_3 rwl2_4 vss {c_wire}
rwb2_3 rwlb2_3 rwlb2_4 {r_wire}
cwb2_3 rwlb2_4 vss {c_wire}
rwl2_4 rwl2_4 rwl2_5 {r_wire}
cwl2_4 rwl2_5 vss {c_wire}
rwb2_4 rwlb2_4 rwlb2_5 {r_wire}
cwb2_4 rwlb2_5 vss {c_wire}
rwl2_5 rwl2_5 rwl2_6 {r_wire}
cwl2_5 rwl2_6 vss {c_wire}
rwb2_5 rwlb2_5 rwlb2_6 {r_wire}
cwb2_5 rwlb2_6 vss {c_wire}
rwl2_6 rwl2_6 rwl2_7 {r_wire}
cwl2_6 rwl2_7 vss {c_wire}
rwb2_6 rwlb2_6 rwlb2_7 {r_wire}
cwb2_6 rwlb2_7 vss {c_wire}
rwl2_7 rwl2_7 rwl2_8 {r_wire}
cwl2_7 rwl2_8 vss {c_wire}
rwb2_7 rwlb2_7 rwlb2_8 {r_wire}
cwb2_7 rwlb2_8 vss {c_wire}
rwl2_8 rwl2_8 rwl2_9 {r_wire}
cwl2_8 rwl2_9 vss {c_wire}
rwb2_8 rwlb2_8 rwlb2_9 {r_wire}
cwb2_8 rwlb2_9 vss {c_wire}
rwl2_9 rwl2_9 rwl2_10 {r_wire}
cwl2_9 rwl2_10 vss {c_wire}
rwb2_9 rwlb2_9 rwlb2_10 {r_wire}
cwb2_9 rwlb2_10 vss {c_wire}
rwl2_10 rwl2_10 rwl2_11 {r_wire}
cwl2_10 rwl2_11 vss {c_wire}
rwb2_10 rwlb2_10 rwlb2_11 {r_wire}
cwb2_10 rwlb2_11 vss {c_wire}
rwl2_11 rwl2_11 rwl2_12 {r_wire}
cwl2_11 rwl2_12 vss {c_wire}
rwb2_11 rwlb2_11 rwlb2_12 {r_wire}
cwb2_11 rwlb2_12 vss {c_wire}
rwl2_12 rwl2_12 rwl2_13 {r_wire}
cwl2_12 rwl2_13 vss {c_wire}
rwb2_12 rwlb2_12 rwlb2_13 {r_wire}
cwb2_12 rwlb2_13 vss {c_wire}
rwl2_13 rwl2_13 rwl2_14 {r_wire}
cwl2_13 rwl2_14 vss {c_wire}
rwb2_13 rwlb2_13 rwlb2_14 {r_wire}
cwb2_13 rwlb2_14 vss {c_wire}
rwl2_14 rwl2_14 rwl2_15 {r_wire}
cwl2_14 rwl2_15 vss {c_wire}
rwb2_14 rwlb2_14 rwlb2_15 {r_wire}
cwb2_14 rwlb2_15 vss {c_wire}
rwl2_15 rwl2_15 rwl2_16 {r_wire}
cwl2_15 rwl2_16 vss {c_wire}
rwb2_15 rwlb2_15 rwlb2_16 {r_wire}
cwb2_15 rwlb2_16 vss {c_wire}
xdrv3 in3 rwl3_0 rwlb3_0 vdd vss row_driver x={driver}
rwl3_0 rwl3_0 rwl3_1 {r_wire}
cwl3_0 rwl3_1 vss {c_wire}
rwb3_0 rwlb3_0 rwlb3_1 {r_wire}
cwb3_0 rwlb3_1 vss {c_wire}
rwl3_1 rwl3_1 rwl3_2 {r_wire}
cwl3_1 rwl3_2 vss {c_wire}
rwb3_1 rwlb3_1 rwlb3_2 {r_wire}
cwb3_1 rwlb3_2 vss {c_wire}
rwl3_2 rwl3_2 rwl3_3 {r_wire}
cwl3_2 rwl3_3 vss {c_wire}
rwb3_2 rwlb3_2 rwlb3_3 {r_wire}
cwb3_2 rwlb3_3 vss {c_wire}
rwl3_3 rwl3_3 rwl3_4 {r_wire}
cwl3_3 rwl3_4 vss {c_wire}
rwb3_3 rwlb3_3 rwlb3_4 {r_wire}
cwb3_3 rwlb3_4 vss {c_wire}
rwl3_4 rwl3_4 rwl3_5 {r_wire}
cwl3_4 rwl3_5 vss {c_wire}
rwb3_4 rwlb3_4 rwlb3_5 {r_wire}
cwb3_4 rwlb3_5 vss {c_wire}
rwl3_5 rwl3_5 rwl3_6 {r_wire}
cwl3_5 rwl3_6 vss {c_wire}
rwb3_5 rwlb3_5 rwlb3_6 {r_wire}
cwb3_5 rwlb3_6 vss {c_wire}
rwl3_6 rwl3_6 rwl3_7 {r_wire}
cwl3_6 rwl3_7 vss {c_wire}
rwb3_6 rwlb3_6 rwlb3_7 {r_wire}
cwb3_6 rwlb3_7 vss {c_wire}
rwl3_7 rwl3_7 rwl3_8 {r_wire}
cwl3_7 rwl3_8 vss {c_wire}
rwb3_7 rwlb3_7 rwlb3_8 {r_wire}
cwb3_7 rwlb3_8 vss {c_wire}
rwl3_8 rwl3_8 rwl3_9 {r_wire}
cwl3_8 rwl3_9 vss {c_wire}
rwb3_8 rwlb3_8 rwlb3_9 {r_wire}
cwb3_8 rwlb3_9 vss {c_wire}
rwl3_9 rwl3_9 rwl3_10 {r_wire}
cwl3_9 rwl3_10 vss {c_wire}
rwb3_9 rwlb3_9 rwlb3_10 {r_wire}
cwb3_9 rwlb3_10 vss {c_wire}
rwl3_10 rwl3_10 rwl3_11 {r_wire}
cwl3_10 rwl3_11 vss {c_wire}
rwb3_10 rwlb3_10 rwlb3_11 {r_wire}
cwb3_10 rwlb3_11 vss {c_wire}
rwl3_11 rwl3_11 rwl3_12 {r_wire}
cwl3_11 rwl3_12 vss {c_wire}
rwb3_11 rwlb3_11 rwlb3_12 {r_wire}
cwb3_11 rwlb3_12 vss {c_wire}
rwl3_12 rwl3_12 rwl3_13 {r_wire}
cwl3_12 rwl3_13 vss {c_wire}
rwb3_12 rwlb3_12 rwlb3_13 {r_wire}
cwb3_12 rwlb3_13 vss {c_wire}
rwl3_13 rwl3_13 rwl3_14 {r_wire}
cwl3_13 rwl3_14 vss {c_wire}
rwb3_13 rwlb3_13 rwlb3_14 {r_wire}
cwb3_13 rwlb3_14 vss {c_wire}
rwl3_14 rwl3_14 rwl3_15 {r_wire}
cwl3_14 rwl3_15 vss {c_wire}
rwb3_14 rwlb3_14 rwlb3_15 {r_wire}
cwb3_14 rwlb3_15 vss {c_wire}
rwl3_15 rwl3_15 rwl3_16 {r_wire}
cwl3_15 rwl3_16 vss {c_wire}
rwb3_15 rwlb3_15 rwlb3_16 {r_wire}
cwb3_15 rwlb3_16 vss {c_wire}
xdrv4 in4 rwl4_0 rwlb4_0 vdd vss row_driver x={driver}
rwl4_0 rwl4_0 rwl4_1 {r_wire}
cwl4_0 rwl4_1 vss {c_wire}
rwb4_0 rwlb4_0 rwlb4_1 {r_wire}
cwb4_0 rwlb4_1 vss {c_wire}
rwl4_1 rwl4_1 rwl4_2 {r_wire}
cwl4_1 rwl4_2 vss {c_wire}
rwb4_1 rwlb4_1 rwlb4_2 {r_wire}
cwb4_1 rwlb4_2 vss {c_wire}
rwl4_2 rwl4_2 rwl4_3 {r_wire}
cwl4_2 rwl4_3 vss {c_wire}
rwb4_2 rwlb4_2 rwlb4_3 {r_wire}
cwb4_2 rwlb4_3 vss {c_wire}
rwl4_3 rwl4_3 rwl4_4 {r_wire}
cwl4_3 rwl4_4 vss {c_wire}
rwb4_3 rwlb4_3 rwlb4_4 {r_wire}
cwb4_3 rwlb4_4 vss {c_wire}
rwl4_4 rwl4_4 rwl4_5 {r_wire}
cwl4_4 rwl4_5 vss {c_wire}
rwb4_4 rwlb4_4 rwlb4_5 {r_wire}
cwb4_4 rwlb4_5 vss {c_wire}
rwl4_5 rwl4_5 rwl4_6 {r_wire}
cwl4_5 rwl4_6 vss {c_wire}
rwb4_5 rwlb4_5 rwlb4_6 {r_wire}
cwb4_5 rwlb4_6 vss {c_wire}
rwl4_6 rwl4_6 rwl4_7 {r_wire}
cwl4_6 rwl4_7 vss {c_wire}
rwb4_6 rwlb4_6 rwlb4_7 {r_wire}
cwb4_6 rwlb4_7 vss {c_wire}
rwl4_7 rwl4_7 rwl4_8 {r_wire}
cwl4_7 rwl4_8 vss {c_wire}
rwb4_7 rwlb4_7 rwlb4_8 {r_wire}
cwb4_7 rwlb4_8 vss {c_wire}
rwl4_8 rwl4_8 rwl4_9 {r_wire}
cwl4_8 rwl4_9 vss {c_wire}
rwb4_8 rwlb4_8 rwlb4_9 {r_wire}
cwb4_8 rwlb4_9 vss {c_wire}
rwl4_9 rwl4_9 rwl4_10 {r_wire}
cwl4_9 rwl4_10 vss {c_wire}
rwb4_9 rwlb4_9 rwlb4_10 {r_wire}
cwb4_9 rwlb4_10 vss {c_wire}
rwl4_10 rwl4_10 rwl4_11 {r_wire}
cwl4_10 rwl4_11 vss {c_wire}
rwb4_10 rwlb4_10 rwlb4_11 {r_wire}
cwb4_10 rwlb4_11 vss {c_wire}
rwl4_11 rwl4_11 rwl4_12 {r_wire}
cwl4_11 rwl4_12 vss {c_wire}
rwb4_11 rwlb4_11 rwlb4_12 {r_wire}
cwb4_11 rwlb4_12 vss {c_wire}
rwl4_12 rwl4_12 rwl4_13 {r_wire}
cwl4_12 rwl4_13 vss {c_wire}
rwb4_12 rwlb4_12 rwlb4_13 {r_wire}
cwb4_12 rwlb4_13 vss {c_wire}
rwl4_13 rwl4_13 rwl4_14 {r_wire}
cwl4_13 rwl4_14 vss {c_wire}
rwb4_13 rwlb4_13 rwlb4_14 {r_wire}
cwb4_13 rwlb4_14 vss {c_wire}
rwl4_14 rwl4_14 rwl4_15 {r_wire}
cwl4_14 rwl4_15 vss {c_wire}
rwb4_14 rwlb4_14 rwlb4_15 {r_wire}
cwb4_14 rwlb4_15 vss {c_wire}
rwl4_15 rwl4_15 rwl4_16 {r_wire}
cwl4_15 rwl4_16 vss {c_wire}
rwb4_15 rwlb4_15 rwlb4_16 {r_wire}
cwb4_15 rwlb4_16 vss {c_wire}
xdrv5 in5 rwl5_0 rwlb5_0 vdd vss row_driver x={driver}
rwl5_0 rwl5_0 rwl5_1 {r_wire}
cwl5_0 rwl5_1 vss {c_wire}
rwb5_0 rwlb5_0 rwlb5_1 {r_wire}
cwb5_0 rwlb5_1 vss {c_wire}
rwl5_1 rwl5_1 rwl5_2 {r_wire}
cwl5_1 rwl5_2 vss {c_wire}
rwb5_1 rwlb5_1 rwlb5_2 {r_wire}
cwb5_1 rwlb5_2 vss {c_wire}
rwl5_2 rwl5_2 rwl5_3 {r_wire}
cwl5_2 rwl5_3 vss {c_wire}
rwb5_2 rwlb5_2 rwlb5_3 {r_wire}
cwb5_2 rwlb5_3 vss {c_wire}
rwl5_3 rwl5_3 rwl5_4 {r_wire}
cwl5_3 rwl5_4 vss {c_wire}
rwb5_3 rwlb5_3 rwlb5_4 {r_wire}
cwb5_3 rwlb5_4 vss {c_wire}
rwl5_4 rwl5_4 rwl5_5 {r_wire}
cwl5_4 rwl5_5 vss {c_wire}
rwb5_4 rwlb5_4 rwlb5_5 {r_wire}
cwb5_4 rwlb5_5 vss {c_wire}
rwl5_5 rwl5_5 rwl5_6 {r_wire}
cwl5_5 rwl5_6 vss {c_wire}
rwb5_5 rwlb5_5 rwlb5_6 {r_wire}
cwb5_5 rwlb5_6 vss {c_wire}
rwl5_6 rwl5_6 rwl5_7 {r_wire}
cwl5_6 rwl5_7 vss {c_wire}
rwb5_6 rwlb5_6 rwlb5_7 {r_wire}
cwb5_6 rwlb5_7 vss {c_wire}
rwl5_7 rwl5_7 rwl5_8 {r_wire}
cwl5_7 rwl5_8 vss {c_wire}
rwb5_7 rwlb5_7 rwlb5_8 {r_wire}
cwb5_7 rwlb5_8 vss {c_wire}
rwl5_8 rwl5_8 rwl5_9 {r_wire}
cwl5_8 rwl5_9 vss {c_wire}
rwb5_8 rwlb5_8 rwlb5_9 {r_wire}
cwb5_8 rwlb5_9 vss {c_wire}
rwl5_9 rwl5_9 rwl5_10 {r_wire}
cwl5_9 rwl5_10 vss {c_wire}
rwb5_9 rwlb5_9 rwlb5_10 {r_wire}
cwb5_9 rwlb5_10 vss {c_wire}
rwl5_10 rwl5_10 rwl5_11 {r_wire}
cwl5_10 rwl5_11 vss {c_wire}
rwb5_10 rwlb5_10 rwlb5_11 {r_wire}
cwb5_10 rwlb5_11 vss {c_wire}
rwl5_11 rwl5_11 rwl5_12 {r_wire}
cwl5_11 rwl5_12 vss {c_wire}
rwb5_11 rwlb5_11 rwlb5_12 {r_wire}
cwb5_11 rwlb5_12 vss {c_wire}
rwl5_12 rwl5_12 rwl5_13 {r_wire}
cwl5_12 rwl5_13 vss {c_wire}
rwb5_12 rwlb5_12 rwlb5_13 {r_wire}
cwb5_12 rwlb5_13 vss {c_wire}
rwl5_13 rwl5_13 rwl5_14 {r_wire}
cwl5_13 rwl5_14 vss {c_wire}
rwb5_13 rwlb5_13 rwlb5_14 {r_wire}
cwb5_13 rwlb5_14 vss {c_wire}
rwl5_14 rwl5_14 rwl5_15 {r_wire}
cwl5_14 rwl5_15 vss {c_wire}
rwb5_14 rwlb5_14 rwlb5_15 {r_wire}
cwb5_14 rwlb5_15 vss {c_wire}
rwl5_15 rwl5_15 rwl5_16 {r_wire}
cwl5_15 rwl5_16 vss {c_wire}
rwb5_15 rwlb5_15 rwlb5_16 {r_wire}
cwb5_15 rwlb5_16 vss {c_wire}
xdrv6 in6 rwl6_0 rwlb6_0 vdd vss row_driver x={driver}
rwl6_0 rwl6_0 rwl6_1 {r_wire}
cwl6_0 rwl6_1 vss {c_wire}
rwb6_0 rwlb6_0 rwlb6_1 {r_wire}
cwb6_0 rwlb6_1 vss {c_wire}
rwl6_1 rwl6_1 rwl6_2 {r_wire}
cwl6_1 rwl6_2 vss {c_wire}
rwb6_1 rwlb6_1 rwlb6_2 {r_wire}
cwb6_1 rwlb6_2 vss {c_wire}
rwl6_2 rwl6_2 rwl6_3 {r_wire}
cwl6_2 rwl6_3 vss {c_wire}
rwb6_2 rwlb6_2 rwlb6_3 {r_wire}
cwb6_2 rwlb6_3 vss {c_wire}
rwl6_3 rwl6_3 rwl6_4 {r_wire}
cwl6_3 rwl6_4 vss {c_wire}
rwb6_3 rwlb6_3 rwlb6_4 {r_wire}
cwb6_3 rwlb6_4 vss {c_wire}
rwl6_4 rwl6_4 rwl6_5 {r_wire}
cwl6_4 rwl6_5 vss {c_wire}
rwb6_4 rwlb6_4 rwlb6_5 {r_wire}
cwb6_4 rwlb6_5 vss {c_wire}
rwl6_5 rwl6_5 rwl6_6 {r_wire}
cwl6_5 rwl6_6 vss {c_wire}
rwb6_5 rwlb6_5 rwlb6_6 {r_wire}
cwb6_5 rwlb6_6 vss {c_wire}
rwl6_6 rwl6_6 rwl6_7 {r_wire}
cwl6_6 rwl6_7 vss {c_wire}
rwb6_6 rwlb6_6 rwlb6_7 {r_wire}
cwb6_6 rwlb6_7 vss {c_wire}
rwl6_7 rwl6_7 rwl6_8 {r_wire}
cwl6_7 rwl6_8 vss {c_wire}
rwb6_7 rwlb6_7 rwlb6_8 {r_wire}
cwb6_7 rwlb6_8 vss {c_wire}
rwl6_8 rwl6_8 rwl6_9 {r_wire}
cwl6_8 rwl6_9 vss {c_wire}
rwb6_8 rwlb6_8 rwlb6_9 {r_wire}
cwb6_8 rwlb6_9 vss {c_wire}
rwl6_9 rwl6_9 rwl6_10 {r_wire}
cwl6_9 rwl6_10 vss {c_wire}
rwb6_9 rwlb6_9 rwlb6_10 {r_wire}
cwb6_9 rwlb6_10 vss {c_wire}
rwl6_10 rwl6_10 rwl6_11 {r_wire}
cwl6_10 rwl6_11 vss {c_wire}
rwb6_10 rwlb6_10 rwlb6_11 {r_wire}
cwb6_10 rwlb6_11 vss {c_wire}
rwl6_11 rwl6_11 rwl6_12 {r_wire}
cwl6_11 rwl6_12 vss {c_wire}
rwb6_11 rwlb6_11 rwlb6_12 {r_wire}
cwb6_11 rwlb6_12 vss {c_wire}
rwl6_12 rwl6_12 rwl6_13 {r_wire}
cwl6_12 rwl6_13 vss {c_wire}
rwb6_12 rwlb6_12 rwlb6_13 {r_wire}
cwb6_12 rwlb6_13 vss {c_wire}
rwl6_13 rwl6_13 rwl6_14 {r_wire}
cwl6_13 rwl6_14 vss {c_wire}
rwb6_13 rwlb6_13 rwlb6_14 {r_wire}
cwb6_13 rwlb6_14 vss {c_wire}
rwl6_14 rwl6_14 rwl6_15 {r_wire}
cwl6_14 rwl6_15 vss {c_wire}
rwb6_14 rwlb6_14 rwlb6_15 {r_wire}
cwb6_14 rwlb6_15 vss {c_wire}
rwl6_15 rwl6_15 rwl6_16 {r_wire}
cwl6_15 rwl6_16 vss {c_wire}
rwb6_15 rwlb6_15 rwlb6_16 {r_wire}
cwb6_15 rwlb6_16 vss {c_wire}
xdrv7 in7 rwl7_0 rwlb7_0 vdd vss row_driver x={driver}
rwl7_0 rwl7_0 rwl7_1 {r_wire}
cwl7_0 rwl7_1 vss {c_wire}
rwb7_0 rwlb7_0 rwlb7_1 {r_wire}
cwb7_0 rwlb7_1 vss {c_wire}
rwl7_1 rwl7_1 rwl7_2 {r_wire}
cwl7_1 rwl7_2 vss {c_wire}
rwb7_1 rwlb7_1 rwlb7_2 {r_wire}
cwb7_1 rwlb7_2 vss {c_wire}
rwl7_2 rwl7_2 rwl7_3 {r_wire}
cwl7_2 rwl7_3 vss {c_wire}
rwb7_2 rwlb7_2 rwlb7_3 {r_wire}
cwb7_2 rwlb7_3 vss {c_wire}
rwl7_3 rwl7_3 rwl7_4 {r_wire}
cwl7_3 rwl7_4 vss {c_wire}
rwb7_3 rwlb7_3 rwlb7_4 {r_wire}
cwb7_3 rwlb7_4 vss {c_wire}
rwl7_4 rwl7_4 rwl7_5 {r_wire}
cwl7_4 rwl7_5 vss {c_wire}
rwb7_4 rwlb7_4 rwlb7_5 {r_wire}
cwb7_4 rwlb7_5 vss {c_wire}
rwl7_5 rwl7_5 rwl7_6 {r_wire}
cwl7_5 rwl7_6 vss {c_wire}
rwb7_5 rwlb7_5 rwlb7_6 {r_wire}
cwb7_5 rwlb7_6 vss {c_wire}
rwl7_6 rwl7_6 rwl7_7 {r_wire}
cwl7_6 rwl7_7 vss {c_wire}
rwb7_6 rwlb7_6 rwlb7_7 {r_wire}
cwb7_6 rwlb7_7 vss {c_wire}
rwl7_7 rwl7_7 rwl7_8 {r_wire}
cwl7_7 rwl7_8 vss {c_wire}
rwb7_7 rwlb7_7 rwlb7_8 {r_wire}
cwb7_7 rwlb7_8 vss {c_wire}
rwl7_8 rwl7_8 rwl7_9 {r_wire}
cwl7_8 rwl7_9 vss {c_wire}
rwb7_8 rwlb7_8 rwlb7_9 {r_wire}
cwb7_8 rwlb7_9 vss {c_wire}
rwl7_9 rwl7_9 rwl7_10 {r_wire}
cwl7_9 rwl7_10 vss {c_wire}
rwb7_9 rwlb7_9 rwlb7_10 {r_wire}
cwb7_9 rwlb7_10 vss {c_wire}
rwl7_10 rwl7_10 rwl7_11 {r_wire}
cwl7_10 rwl7_11 vss {c_wire}
rwb7_10 rwlb7_10 rwlb7_11 {r_wire}
cwb7_10 rwlb7_11 vss {c_wire}
rwl7_11 rwl7_11 rwl7_12 {r_wire}
cwl7_11 rwl7_12 vss {c_wire}
rwb7_11 rwlb7_11 rwlb7_12 {r_wire}
cwb7_11 rwlb7_12 vss {c_wire}
rwl7_12 rwl7_12 rwl7_13 {r_wire}
cwl7_12 rwl7_13 vss {c_wire}
rwb7_12 rwlb7_12 rwlb7_13 {r_wire}
cwb7_12 rwlb7_13 vss {c_wire}
rwl7_13 rwl7_13 rwl7_14 {r_wire}
cwl7_13 rwl7_14 vss {c_wire}
rwb7_13 rwlb7_13 rwlb7_14 {r_wire}
cwb7_13 rwlb7_14 vss {c_wire}
rwl7_14 rwl7_14 rwl7_15 {r_wire}
cwl7_14 rwl7_15 vss {c_wire}
rwb7_14 rwlb7_14 rwlb7_15 {r_wire}
cwb7_14 rwlb7_15 vss {c_wire}
rwl7_15 rwl7_15 rwl7_16 {r_wire}
cwl7_15 rwl7_16 vss {c_wire}
rwb7_15 rwlb7_15 rwlb7_16 {r_wire}
cwb7_15 rwlb7_16 vss {c_wire}
xdrv8 in8 rwl8_0 rwlb8_0 vdd vss row_driver x={driver}
rwl8_0 rwl8_0 rwl8_1 {r_wire}
cwl8_0 rwl8_1 vss {c_wire}
rwb8_0 rwlb8_0 rwlb8_1 {r_wire}
cwb8_0 rwlb8_1 vss {c_wire}
rwl8_1 rwl8_1 rwl8_2 {r_wire}
cwl8_1 rwl8_2 vss {c_wire}
rwb8_1 rwlb8_1 rwlb8_2 {r_wire}
cwb8_1 rwlb8_2 vss {c_wire}
rwl8_2 rwl8_2 rwl8_3 {r_wire}
cwl8_2 rwl8_3 vss {c_wire}
rwb8_2 rwlb8_2 rwlb8_3 {r_wire}
cwb8_2 rwlb8_3 vss {c_wire}
rwl8_3 rwl8_3 rwl8_4 {r_wire}
cwl8_3 rwl8_4 vss {c_wire}
rwb8_3 rwlb8_3 rwlb8_4 {r_wire}
cwb8_3 rwlb8_4 vss {c_wire}
rwl8_4 rwl8_4 rwl8_5 {r_wire}
cwl8_4 rwl8_5 vss {c_wire}
rwb8_4 rwlb8_4 rwlb8_5 {r_wire}
cwb8_4 rwlb8_5 vss {c_wire}
rwl8_5 rwl8_5 rwl8_6 {r_wire}
cwl8_5 rwl8_6 vss {c_wire}
rwb8_5 rwlb8_5 rwlb8_6 {r_wire}
cwb8_5 rwlb8_6 vss {c_wire}
rwl8_6 rwl8_6 rwl8_7 {r_wire}
cwl8_6 rwl8_7 vss {c_wire}
rwb8_6 rwlb8_6 rwlb8_7 {r_wire}
cwb8_6 rwlb8_7 vss {c_wire}
rwl8_7 rwl8_7 rwl8_8 {r_wire}
cwl8_7 rwl8_8 vss {c_wire}
rwb8_7 rwlb8_7 rwlb8_8 {r_wire}
cwb8_7 rwlb8_8 vss {c_wire}
rwl8_8 rwl8_8 rwl8_9 {r_wire}
cwl8_8 rwl8_9 vss {c_wire}
rwb8_8 rwlb8_8 rwlb8_9 {r_wire}
cwb8_8 rwlb8_9 vss {c_wire}
rwl8_9 rwl8_9 rwl8_10 {r_wire}
cwl8_9 rwl8_10 vss {c_wire}
rwb8_9 rwlb8_9 rwlb8_10 {r_wire}
cwb8_9 rwlb8_10 vss {c_wire}
rwl8_10 rwl8_10 rwl8_11 {r_wire}
cwl8_10 rwl8_11 vss {c_wire}
rwb8_10 rwlb8_10 rwlb8_11 {r_wire}
cwb8_10 rwlb8_11 vss {c_wire}
rwl8_11 rwl8_11 rwl8_12 {r_wire}
cwl8_11 rwl8_12 vss {c_wire}
rwb8_11 rwlb8_11 rwlb8_12 {r_wire}
cwb8_11 rwlb8_12 vss {c_wire}
rwl8_12 rwl8_12 rwl8_13 {r_wire}
cwl8_12 rwl8_13 vss {c_wire}
rwb8_12 rwlb8_12 rwlb8_13 {r_wire}
cwb8_12 rwlb8_13 vss {c_wire}
rwl8_13 rwl8_13 rwl8_14 {r_wire}
cwl8_13 rwl8_14 vss {c_wire}
rwb8_13 rwlb8_13 rwlb8_14 {r_wire}
cwb8_13 rwlb8_14 vss {c_wire}
rwl8_14 rwl8_14 rwl8_15 {r_wire}
cwl8_14 rwl8_15 vss {c_wire}
rwb8_14 rwlb8_14 rwlb8_15 {r_wire}
cwb8_14 rwlb8_15 vss {c_wire}
rwl8_15 rwl8_15 rwl8_16 {r_wire}
cwl8_15 rwl8_16 vss {c_wire}
rwb8_15 rwlb8_15 rwlb8_16 {r_wire}
cwb8_15 rwlb8_16 vss {c_wire}
xdrv9 in9 rwl9_0 rwlb9_0 vdd vss row_driver x={driver}
rwl9_0 rwl9_0 rwl9_1 {r_wire}
cwl9_0 rwl9_1 vss {c_wire}
rwb9_0 rwlb9_0 rwlb9_1 {r_wire}
cwb9_0 rwlb9_1 vss {c_wire}
rwl9_1 rwl9_1 rwl9_2 {r_wire}
cwl9_1 rwl9_2 vss {c_wire}
rwb9_1 rwlb9_1 rwlb9_2 {r_wire}
cwb9_1 rwlb9_2 vss {c_wire}
rwl9_2 rwl9_2 rwl9_3 {r_wire}
cwl9_2 rwl9_3 vss {c_wire}
rwb9_2 rwlb9_2 rwlb9_3 {r_wire}
cwb9_2 rwlb9_3 vss {c_wire}
rwl9_3 rwl9_3 rwl9_4 {r_wire}
cwl9_3 rwl9_4 vss {c_wire}
rwb9_3 rwlb9_3 rwlb9_4 {r_wire}
cwb9_3 rwlb9_4 vss {c_wire}
rwl9_4 rwl9_4 rwl9_5 {r_wire}
cwl9_4 rwl9_5 vss {c_wire}
rwb9_4 rwlb9_4 rwlb9_5 {r_wire}
cwb9_4 rwlb9_5 vss {c_wire}
rwl9_5 rwl9_5 rwl9_6 {r_wire}
cwl9_5 rwl9_6 vss {c_wire}
rwb9_5 rwlb9_5 rwlb9_6 {r_wire}
cwb9_5 rwlb9_6 vss {c_wire}
rwl9_6 rwl9_6 rwl9_7 {r_wire}
cwl9_6 rwl9_7 vss {c_wire}
rwb9_6 rwlb9_6 rwlb9_7 {r_wire}
cwb9_6 rwlb9_7 vss {c_wire}
rwl9_7 rwl9_7 rwl9_8 {r_wire}
cwl9_7 rwl9_8 vss {c_wire}
rwb9_7 rwlb9_7 rwlb9_8 {r_wire}
cwb9_7 rwlb9_8 vss {c_wire}
rwl9_8 rwl9_8 rwl9_9 {r_wire}
cwl9_8 rwl9_9 vss {c_wire}
rwb9_8 rwlb9_8 rwlb9_9 {r_wire}
cwb9_8 rwlb9_9 vss {c_wire}
rwl9_9 rwl9_9 rwl9_10 {r_wire}
cwl9_9 rwl9_10 vss {c_wire}
rwb9_9 rwlb9_9 rwlb9_10 {r_wire}
cwb9_9 rwlb9_10 vss {c_wire}
rwl9_10 rwl9_10 rwl9_11 {r_wire}
cwl9_10 rwl9_11 vss {c_wire}
rwb9_10 rwlb9_10 rwlb9_11 {r_wire}
cwb9_10 rwlb9_11 vss {c_wire}
rwl9_11 rwl9_11 rwl9_12 {r_wire}
cwl9_11 rwl9_12 vss {c_wire}
rwb9_11 rwlb9_11 rwlb9_12 {r_wire}
cwb9_11 rwlb9_12 vss {c_wire}
rwl9_12 rwl9_12 rwl9_13 {r_wire}
cwl9_12 rwl9_13 vss {c_wire}
rwb9_12 rwlb9_12 rwlb9_13 {r_wire}
cwb9_12 rwlb9_13 vss {c_wire}
rwl9_13 rwl9_13 rwl9_14 {r_wire}
cwl9_13 rwl9_14 vss {c_wire}
rwb9_13 rwlb9_13 rwlb9_14 {r_wire}
cwb9_13 rwlb9_14 vss {c_wire}
rwl9_14 rwl9_14 rwl9_15 {r_wire}
cwl9_14 rwl9_15 vss {c_wire}
rwb9_14 rwlb9_14 rwlb9_15 {r_wire}
cwb9_14 rwlb9_15 vss {c_wire}
rwl9_15 rwl9_15 rwl9_16 {r_wire}
cwl9_15 rwl9_16 vss {c_wire}
rwb9_15 rwlb9_15 rwlb9_16 {r_wire}
cwb9_15 rwlb9_16 vss {c_wire}
xdrv10 in10 rwl10_0 rwlb10_0 vdd vss row_driver x={driver}
rwl10_0 rwl10_0 rwl10_1 {r_wire}
cwl10_0 rwl10_1 vss {c_wire}
rwb10_0 rwlb10_0 rwlb10_1 {r_wire}
cwb10_0 rwlb10_1 vss {c_wire}
rwl10_1 rwl10_1 rwl10_2 {r_wire}
cwl10_1 rwl10_2 vss {c_wire}
rwb10_1 rwlb10_1 rwlb10_2 {r_wire}
cwb10_1 rwlb10_2 vss {c_wire}
rwl10_2 rwl10_2 rwl10_3 {r_wire}
cwl10_2 rwl10_3 vss {c_wire}
rwb10_2 rwlb10_2 rwlb10_3 {r_wire}
cwb10_2 rwlb10_3 vss {c_wire}
rwl10_3 rwl10_3 rwl10_4 {r_wire}
cwl10_3 rwl10_4 vss {c_wire}
rwb10_3 rwlb10_3 rwlb10_4 {r_wire}
cwb10_3 rwlb10_4 vss {c_wire}
rwl10_4 rwl10_4 rwl10_5 {r_wire}
cwl10_4 rwl10_5 vss {c_wire}
rwb10_4 rwlb10_4 rwlb10_5 {r_wire}
cwb10_4 rwlb10_5 vss {c_wire}
rwl10_5 rwl10_5 rwl10_6 {r_wire}
cwl10_5 rwl10_6 vss {c_wire}
rwb10_5 rwlb10_5 rwlb10_6 {r_wire}
cwb10_5 rwlb10_6 vss {c_wire}
rwl10_6 rwl10_6 rwl10_7 {r_wire}
cwl10_6 rwl10_7 vss {c_wire}
rwb10_6 rwlb10_6 rwlb10_7 {r_wire}
cwb10_6 rwlb10_7 vss {c_wire}
rwl10_7 rwl10_7 rwl10_8 {r_wire}
cwl10_7 rwl10_8 vss {c_wire}
rwb10_7 rwlb10_7 rwlb10_8 {r_wire}
cwb10_7 rwlb10_8 vss {c_wire}
rwl10_8 rwl10_8 rwl10_9 {r_wire}
cwl10_8 rwl10_9 vss {c_wire}
rwb10_8 rwlb10_8 rwlb10_9 {r_wire}
cwb10_8 rwlb10_9 vss {c_wire}
rwl10_9 rwl10_9 rwl10_10 {r_wire}
cwl10_9 rwl10_10 vss {c_wire}
rwb10_9 rwlb10_9 rwlb10_10 {r_wire}
cwb10_9 rwlb10_10 vss {c_wire}
rwl10_10 rwl10_10 rwl10_11 {r_wire}
cwl10_10 rwl10_11 vss {c_wire}
rwb10_10 rwlb10_10 rwlb10_11 {r_wire}
cwb10_10 rwlb10_11 vss {c_wire}
rwl10_11 rwl10_11 rwl10_12 {r_wire}
cwl10_11 rwl10_12 vss {c_wire}
rwb10_11 rwlb10_11 rwlb10_12 {r_wire}
cwb10_11 rwlb10_12 vss {c_wire}
rwl10_12 rwl10_12 rwl10_13 {r_wire}
cwl10_12 rwl10_13 vss {c_wire}
rwb10_12 rwlb10_12 rwlb10_13 {r_wire}
cwb10_12 rwlb10_13 vss {c_wire}
rwl10_13 rwl10_13 rwl10_14 {r_wire}
cwl10_13 rwl10_14 vss {c_wire}
rwb10_13 rwlb10_13 rwlb10_14 {r_wire}
cwb10_13 rwlb10_14 vss {c_wire}
rwl10_14 rwl10_14 rwl10_15 {r_wire}
cwl10_14 rwl10_15 vss {c_wire}
rwb10_14 rwlb10_14 rwlb10_15 {r_wire}
cwb10_14 rwlb10_15 vss {c_wire}
rwl10_15 rwl10_15 rwl10_16 {r_wire}
cwl10_15 rwl10_16 vss {c_wire}
rwb10_15 rwlb10_15 rwlb10_16 {r_wire}
cwb10_15 rwlb10_16 vss {c_wire}
xdrv11 in11 rwl11_0 rwlb11_0 vdd vss row_driver x={driver}
rwl11_0 rwl11_0 rwl11_1 {r_wire}
cwl11_0 rwl11_1 vss {c_wire}
rwb11_0 rwlb11_0 rwlb11_1 {r_wire}
cwb11_0 rwlb11_1 vss {c_wire}
rwl11_1 rwl11_1 rwl11_2 {r_wire}
cwl11_1 rwl11_2 vss {c_wire}
rwb11_1 rwlb11_1 rwlb11_2 {r_wire}
cwb11_1 rwlb11_2 vss {c_wire}
rwl11_2 rwl11_2 rwl11_3 {r_wire}
cwl11_2 rwl11_3 vss {c_wire}
rwb11_2 rwlb11_2 rwlb11_3 {r_wire}
cwb11_2 rwlb11_3 vss {c_wire}
rwl11_3 rwl11_3 rwl11_4 {r_wire}
cwl11_3 rwl11_4 vss {c_wire}
rwb11_3 rwlb11_3 rwlb11_4 {r_wire}
cwb11_3 rwlb11_4 vss {c_wire}
rwl11_4 rwl11_4 rwl11_5 {r_wire}
cwl11_4 rwl11_5 vss {c_wire}
rwb11_4 rwlb11_4 rwlb11_5 {r_wire}
cwb11_4 rwlb11_5 vss {c_wire}
rwl11_5 rwl11_5 rwl11_6 {r_wire}
cwl11_5 rwl11_6 vss {c_wire}
rwb11_5 rwlb11_5 rwlb11_6 {r_wire}
cwb11_5 rwlb11_6 vss {c_wire}
rwl11_6 rwl11_6 rwl11_7 {r_wire}
cwl11_6 rwl11_7 vss {c_wire}
rwb11_6 rwlb11_6 rwlb11_7 {r_wire}
cwb11_6 rwlb11_7 vss {c_wire}
rwl11_7 rwl11_7 rwl11_8 {r_wire}
cwl11_7 rwl11_8 vss {c_wire}
rwb11_7 rwlb11_7 rwlb11_8 {r_wire}
cwb11_7 rwlb11_8 vss {c_wire}
rwl11_8 rwl11_8 rwl11_9 {r_wire}
cwl11_8 rwl11_9 vss {c_wire}
rwb11_8 rwlb11_8 rwlb11_9 {r_wire}
cwb11_8 rwlb11_9 vss {c_wire}
rwl11_9 rwl11_9 rwl11_10 {r_wire}
cwl11_9 rwl11_10 vss {c_wire}
rwb11_9 rwlb11_9 rwlb11_10 {r_wire}
cwb11_9 rwlb11_10 vss {c_wire}
rwl11_10 rwl11_10 rwl11_11 {r_wire}
cwl11_10 rwl11_11 vss {c_wire}
rwb11_10 rwlb11_10 rwlb11_11 {r_wire}
cwb11_10 rwlb11_11 vss {c_wire}
rwl11_11 rwl11_11 rwl11_12 {r_wire}
cwl11_11 rwl11_12 vss {c_wire}
rwb11_11 rwlb11_11 rwlb11_12 {r_wire}
cwb11_11 rwlb11_12 vss {c_wire}
rwl11_12 rwl11_12 rwl11_13 {r_wire}
cwl11_12 rwl11_13 vss {c_wire}
rwb11_12 rwlb11_12 rwlb11_13 {r_wire}
cwb11_12 rwlb11_13 vss {c_wire}
rwl11_13 rwl11_13 rwl11_14 {r_wire}
cwl11_13 rwl11_14 vss {c_wire}
rwb11_13 rwlb11_13 rwlb11_14 {r_wire}
cwb11_13 rwlb11_14 vss {c_wire}
rwl11_14 rwl11_14 rwl11_15 {r_wire}
cwl11_14 rwl11_15 vss {c_wire}
rwb11_14 rwlb11_14 rwlb11_15 {r_wire}
cwb11_14 rwlb11_15 vss {c_wire}
rwl11_15 rwl11_15 rwl11_16 {r_wire}
cwl11_15 rwl11_16 vss {c_wire}
rwb11_15 rwlb11_15 rwlb11_16 {r_wire}
cwb11_15 rwlb11_16 vss {c_wire}
xdrv12 in12 rwl12_0 rwlb12_0 vdd vss row_driver x={driver}
rwl12_0 rwl12_0 rwl12_1 {r_wire}
cwl12_0 rwl12_1 vss {c_wire}
rwb12_0 rwlb12_0 rwlb12_1 {r_wire}
cwb12_0 rwlb12_1 vss {c_wire}
rwl12_1 rwl12_1 rwl12_2 {r_wire}
cwl12_1 rwl12_2 vss {c_wire}
rwb12_1 rwlb12_1 rwlb12_2 {r_wire}
cwb12_1 rwlb12_2 vss {c_wire}
rwl12_2 rwl12_2 rwl12_3 {r_wire}
cwl12_2 rwl12_3 vss {c_wire}
rwb12_2 rwlb12_2 rwlb12_3 {r_wire}
cwb12_2 rwlb12_3 vss {c_wire}
rwl12_3 rwl12_3 rwl12_4 {r_wire}
cwl12_3 rwl12_4 vss {c_wire}
rwb12_3 rwlb12_3 rwlb12_4 {r_wire}
cwb12_3 rwlb12_4 vss {c_wire}
rwl12_4 rwl12_4 rwl12_5 {r_wire}
cwl12_4 rwl12_5 vss {c_wire}
rwb12_4 rwlb12_4 rwlb12_5 {r_wire}
cwb12_4 rwlb12_5 vss {c_wire}
rwl12_5 rwl12_5 rwl12_6 {r_wire}
cwl12_5 rwl12_6 vss {c_wire}
rwb12_5 rwlb12_5 rwlb12_6 {r_wire}
cwb12_5 rwlb12_6 vss {c_wire}
rwl12_6 rwl12_6 rwl12_7 {r_wire}
cwl12_6 rwl12_7 vss {c_wire}
rwb12_6 rwlb12_6 rwlb12_7 {r_wire}
cwb12_6 rwlb12_7 vss {c_wire}
rwl12_7 rwl12_7 rwl12_8 {r_wire}
cwl12_7 rwl12_8 vss {c_wire}
rwb12_7 rwlb12_7 rwlb12_8 {r_wire}
cwb12_7 rwlb12_8 vss {c_wire}
rwl12_8 rwl12_8 rwl12_9 {r_wire}
cwl12_8 rwl12_9 vss {c_wire}
rwb12_8 rwlb12_8 rwlb12_9 {r_wire}
cwb12_8 rwlb12_9 vss {c_wire}
rwl12_9 rwl12_9 rwl12_10 {r_wire}
cwl12_9 rwl12_10 vss {c_wire}
rwb12_9 rwlb12_9 rwlb12_10 {r_wire}
cwb12_9 rwlb12_10 vss {c_wire}
rwl12_10 rwl12_10 rwl12_11 {r_wire}
cwl12_10 rwl12_11 vss {c_wire}
rwb12_10 rwlb12_10 rwlb12_11 {r_wire}
cwb12_10 rwlb12_11 vss {c_wire}
rwl12_11 rwl12_11 rwl12_12 {r_wire}
cwl12_11 rwl12_12 vss {c_wire}
rwb12_11 rwlb12_11 rwlb12_12 {r_wire}
cwb12_11 rwlb12_12 vss {c_wire}
rwl12_12 rwl12_12 rwl12_13 {r_wire}
cwl12_12 rwl12_13 vss {c_wire}
rwb12_12 rwlb12_12 rwlb12_13 {r_wire}
cwb12_12 rwlb12_13 vss {c_wire}
rwl12_13 rwl12_13 rwl12_14 {r_wire}
cwl12_13 rwl12_14 vss {c_wire}
rwb12_13 rwlb12_13 rwlb12_14 {r_wire}
cwb12_13 rwlb12_14 vss {c_wire}
rwl12_14 rwl12_14 rwl12_15 {r_wire}
cwl12_14 rwl12_15 vss {c_wire}
rwb12_14 rwlb12_14 rwlb12_15 {r_wire}
cwb12_14 rwlb12_15 vss {c_wire}
rwl12_15 rwl12_15 rwl12_16 {r_wire}
cwl12_15 rwl12_16 vss {c_wire}
rwb12_15 rwlb12_15 rwlb12_16 {r_wire}
cwb12_15 rwlb12_16 vss {c_wire}
xdrv13 in13 rwl13_0 rwlb13_0 vdd vss row_driver x={driver}
rwl13_0 rwl13_0 rwl13_1 {r_wire}
cwl13_0 rwl13_1 vss {c_wire}
rwb13_0 rwlb13_0 rwlb13_1 {r_wire}
cwb13_0 rwlb13_1 vss {c_wire}
rwl13_1 rwl13_1 rwl13_2 {r_wire}
cwl13_1 rwl13_2 vss {c_wire}
rwb13_1 rwlb13_1 rwlb13_2 {r_wire}
cwb13_1 rwlb13_2 vss {c_wire}
rwl13_2 rwl13_2 rwl13_3 {r_wire}
cwl13_2 rwl13_3 vss {c_wire}
rwb13_2 rwlb13_2 rwlb13_3 {r_wire}
cwb13_2 rwlb13_3 vss {c_wire}
rwl13_3 rwl13_3 rwl13_4 {r_wire}
cwl13_3 rwl13_4 vss {c_wire}
rwb13_3 rwlb13_3 rwlb13_4 {r_wire}
cwb13_3 rwlb13_4 vss {c_wire}
rwl13_4 rwl13_4 rwl13_5 {r_wire}
cwl13_4 rwl13_5 vss {c_wire}
rwb13_4 rwlb13_4 rwlb13_5 {r_wire}
cwb13_4 rwlb13_5 vss {c_wire}
rwl13_5 rwl13_5 rwl13_6 {r_wire}
cwl13_5 rwl13_6 vss {c_wire}
rwb13_5 rwlb13_5 rwlb13_6 {r_wire}
cwb13_5 rwlb13_6 vss {c_wire}
rwl13_6 rwl13_6 rwl13_7 {r_wire}
cwl13_6 rwl13_7 vss {c_wire}
rwb13_6 rwlb13_6 rwlb13_7 {r_wire}
cwb13_6 rwlb13_7 vss {c_wire}
rwl13_7 rwl13_7 rwl13_8 {r_wire}
cwl13_7 rwl13_8 vss {c_wire}
rwb13_7 rwlb13_7 rwlb13_8 {r_wire}
cwb13_7 rwlb13_8 vss {c_wire}
rwl13_8 rwl13_8 rwl13_9 {r_wire}
cwl13_8 rwl13_9 vss {c_wire}
rwb13_8 rwlb13_8 rwlb13_9 {r_wire}
cwb13_8 rwlb13_9 vss {c_wire}
rwl13_9 rwl13_9 rwl13_10 {r_wire}
cwl13_9 rwl13_10 vss {c_wire}
rwb13_9 rwlb13_9 rwlb13_10 {r_wire}
cwb13_9 rwlb13_10 vss {c_wire}
rwl13_10 rwl13_10 rwl13_11 {r_wire}
cwl13_10 rwl13_11 vss {c_wire}
rwb13_10 rwlb13_10 rwlb13_11 {r_wire}
cwb13_10 rwlb13_11 vss {c_wire}
rwl13_11 rwl13_11 rwl13_12 {r_wire}
cwl13_11 rwl13_12 vss {c_wire}
rwb13_11 rwlb13_11 rwlb13_12 {r_wire}
cwb13_11 rwlb13_12 vss {c_wire}
rwl13_12 rwl13_12 rwl13_13 {r_wire}
cwl13_12 rwl13_13 vss {c_wire}
rwb13_12 rwlb13_12 rwlb13_13 {r_wire}
cwb13_12 rwlb13_13 vss {c_wire}
rwl13_13 rwl13_13 rwl13_14 {r_wire}
cwl13_13 rwl13_14 vss {c_wire}
rwb13_13 rwlb13_13 rwlb13_14 {r_wire}
cwb13_13 rwlb13_14 vss {c_wire}
rwl13_14 rwl13_14 rwl13_15 {r_wire}
cwl13_14 rwl13_15 vss {c_wire}
rwb13_14 rwlb13_14 rwlb13_15 {r_wire}
cwb13_14 rwlb13_15 vss {c_wire}
rwl13_15 rwl13_15 rwl13_16 {r_wire}
cwl13_15 rwl13_16 vss {c_wire}
rwb13_15 rwlb13_15 rwlb13_16 {r_wire}
cwb13_15 rwlb13_16 vss {c_wire}
xdrv14 in14 rwl14_0 rwlb14_0 vdd vss row_driver x={driver}
rwl14_0 rwl14_0 rwl14_1 {r_wire}
cwl14_0 rwl14_1 vss {c_wire}
rwb14_0 rwlb14_0 rwlb14_1 {r_wire}
cwb14_0 rwlb14_1 vss {c_wire}
rwl14_1 rwl14_1 rwl14_2 {r_wire}
cwl14_1 rwl14_2 vss {c_wire}
rwb14_1 rwlb14_1 rwlb14_2 {r_wire}
cwb14_1 rwlb14_2 vss {c_wire}
rwl14_2 rwl14_2 rwl14_3 {r_wire}
cwl14_2 rwl14_3 vss {c_wire}
rwb14_2 rwlb14_2 rwlb14_3 {r_wire}
cwb14_2 rwlb14_3 vss {c_wire}
rwl14_3 rwl14_3 rwl14_4 {r_wire}
cwl14_3 rwl14_4 vss {c_wire}
rwb14_3 rwlb14_3 rwlb14_4 {r_wire}
cwb14_3 rwlb14_4 vss {c_wire}
rwl14_4 rwl14_4 rwl14_5 {r_wire}
cwl14_4 rwl14_5 vss {c_wire}
rwb14_4 rwlb14_4 rwlb14_5 {r_wire}
cwb14_4 rwlb14_5 vss {c_wire}
rwl14_5 rwl14_5 rwl14_6 {r_wire}
cwl14_5 rwl14_6 vss {c_wire}
rwb14_5 rwlb14_5 rwlb14_6 {r_wire}
cwb14_5 rwlb14_6 vss {c_wire}
rwl14_6 rwl14_6 rwl14_7 {r_wire}
cwl14_6 rwl14_7 vss {c_wire}
rwb14_6 rwlb14_6 rwlb14_7 {r_wire}
cwb14_6 rwlb14_7 vss {c_wire}
rwl14_7 rwl14_7 rwl14_8 {r_wire}
cwl14_7 rwl14_8 vss {c_wire}
rwb14_7 rwlb14_7 rwlb14_8 {r_wire}
cwb14_7 rwlb14_8 vss {c_wire}
rwl14_8 rwl14_8 rwl14_9 {r_wire}
cwl14_8 rwl14_9 vss {c_wire}
rwb14_8 rwlb14_8 rwlb14_9 {r_wire}
cwb14_8 rwlb14_9 vss {c_wire}
rwl14_9 rwl14_9 rwl14_10 {r_wire}
cwl14_9 rwl14_10 vss {c_wire}
rwb14_9 rwlb14_9 rwlb14_10 {r_wire}
cwb14_9 rwlb14_10 vss {c_wire}
rwl14_10 rwl14_10 rwl14_11 {r_wire}
cwl14_10 rwl14_11 vss {c_wire}
rwb14_10 rwlb14_10 rwlb14_11 {r_wire}
cwb14_10 rwlb14_11 vss {c_wire}
rwl14_11 rwl14_11 rwl14_12 {r_wire}
cwl14_11 rwl14_12 vss {c_wire}
rwb14_11 rwlb14_11 rwlb14_12 {r_wire}
cwb14_11 rwlb14_12 vss {c_wire}
rwl14_12 rwl14_12 rwl14_13 {r_wire}
cwl14_12 rwl14_13 vss {c_wire}
rwb14_12 rwlb14_12 rwlb14_13 {r_wire}
cwb14_12 rwlb14_13 vss {c_wire}
rwl14_13 rwl14_13 rwl14_14 {r_wire}
cwl14_13 rwl14_14 vss {c_wire}
rwb14_13 rwlb14_13 rwlb14_14 {r_wire}
cwb14_13 rwlb14_14 vss {c_wire}
rwl14_14 rwl14_14 rwl14_15 {r_wire}
cwl14_14 rwl14_15 vss {c_wire}
rwb14_14 rwlb14_14 rwlb14_15 {r_wire}
cwb14_14 rwlb14_15 vss {c_wire}
rwl14_15 rwl14_15 rwl14_16 {r_wire}
cwl14_15 rwl14_16 vss {c_wire}
rwb14_15 rwlb14_15 rwlb14_16 {r_wire}
cwb14_15 rwlb14_16 vss {c_wire}
xdrv15 in15 rwl15_0 rwlb15_0 vdd vss row_driver x={driver}
rwl15_0 rwl15_0 rwl15_1 {r_wire}
cwl15_0 rwl15_1 vss {c_wire}
rwb15_0 rwlb15_0 rwlb15_1 {r_wire}
cwb15_0 rwlb15_1 vss {c_wire}
rwl15_1 rwl15_1 rwl15_2 {r_wire}
cwl15_1 rwl15_2 vss {c_wire}
rwb15_1 rwlb15_1 rwlb15_2 {r_wire}
cwb15_1 rwlb15_2 vss {c_wire}
rwl15_2 rwl15_2 rwl15_3 {r_wire}
cwl15_2 rwl15_3 vss {c_wire}
rwb15_2 rwlb15_2 rwlb15_3 {r_wire}
cwb15_2 rwlb15_3 vss {c_wire}
rwl15_3 rwl15_3 rwl15_4 {r_wire}
cwl15_3 rwl15_4 vss {c_wire}
rwb15_3 rwlb15_3 rwlb15_4 {r_wire}
cwb15_3 rwlb15_4 vss {c_wire}
rwl15_4 rwl15_4 rwl15_5 {r_wire}
cwl15_4 rwl15_5 vss {c_wire}
rwb15_4 rwlb15_4 rwlb15_5 {r_wire}
cwb15_4 rwlb15_5 vss {c_wire}
rwl15_5 rwl15_5 rwl15_6 {r_wire}
cwl15_5 rwl15_6 vss {c_wire}
rwb15_5 rwlb15_5 rwlb15_6 {r_wire}
cwb15_5 rwlb15_6 vss {c_wire}
rwl15_6 rwl15_6 rwl15_7 {r_wire}
cwl15_6 rwl15_7 vss {c_wire}
rwb15_6 rwlb15_6 rwlb15_7 {r_wire}
cwb15_6 rwlb15_7 vss {c_wire}
rwl15_7 rwl15_7 rwl15_8 {r_wire}
cwl15_7 rwl15_8 vss {c_wire}
rwb15_7 rwlb15_7 rwlb15_8 {r_wire}
cwb15_7 rwlb15_8 vss {c_wire}
rwl15_8 rwl15_8 rwl15_9 {r_wire}
cwl15_8 rwl15_9 vss {c_wire}
rwb15_8 rwlb15_8 rwlb15_9 {r_wire}
cwb15_8 rwlb15_9 vss {c_wire}
rwl15_9 rwl15_9 rwl15_10 {r_wire}
cwl15_9 rwl15_10 vss {c_wire}
rwb15_9 rwlb15_9 rwlb15_10 {r_wire}
cwb15_9 rwlb15_10 vss {c_wire}
rwl15_10 rwl15_10 rwl15_11 {r_wire}
cwl15_10 rwl15_11 vss {c_wire}
rwb15_10 rwlb15_10 rwlb15_11 {r_wire}
cwb15_10 rwlb15_11 vss {c_wire}
rwl15_11 rwl15_11 rwl15_12 {r_wire}
cwl15_11 rwl15_12 vss {c_wire}
rwb15_11 rwlb15_11 rwlb15_12 {r_wire}
cwb15_11 rwlb15_12 vss {c_wire}
rwl15_12 rwl15_12 rwl15_13 {r_wire}
cwl15_12 rwl15_13 vss {c_wire}
rwb15_12 rwlb15_12 rwlb15_13 {r_wire}
cwb15_12 rwlb15_13 vss {c_wire}
rwl15_13 rwl15_13 rwl15_14 {r_wire}
cwl15_13 rwl15_14 vss {c_wire}
rwb15_13 rwlb15_13 rwlb15_14 {r_wire}
cwb15_13 rwlb15_14 vss {c_wire}
rwl15_14 rwl15_14 rwl15_15 {r_wire}
cwl15_14 rwl15_15 vss {c_wire}
rwb15_14 rwlb15_14 rwlb15_15 {r_wire}
cwb15_14 rwlb15_15 vss {c_wire}
rwl15_15 rwl15_15 rwl15_16 {r_wire}
cwl15_15 rwl15_16 vss {c_wire}
rwb15_15 rwlb15_15 rwlb15_16 {r_wire}
cwb15_15 rwlb15_16 vss {c_wire}
rbl0_0 bl0 b1_0 {r_wire}
cbl0_0 b1_0 vss {c_wire}
x0_0 wbl0 wwl0 wwlb0 rwl0_1 rwlb0_1 b1_0 sn0_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_0 b1_0 b2_0 {r_wire}
cbl1_0 b2_0 vss {c_wire}
x1_0 wbl0 wwl1 wwlb1 rwl1_1 rwlb1_1 b2_0 sn1_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_0 b2_0 b3_0 {r_wire}
cbl2_0 b3_0 vss {c_wire}
x2_0 wbl0 wwl2 wwlb2 rwl2_1 rwlb2_1 b3_0 sn2_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_0 b3_0 b4_0 {r_wire}
cbl3_0 b4_0 vss {c_wire}
x3_0 wbl0 wwl3 wwlb3 rwl3_1 rwlb3_1 b4_0 sn3_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_0 b4_0 b5_0 {r_wire}
cbl4_0 b5_0 vss {c_wire}
x4_0 wbl0 wwl4 wwlb4 rwl4_1 rwlb4_1 b5_0 sn4_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_0 b5_0 b6_0 {r_wire}
cbl5_0 b6_0 vss {c_wire}
x5_0 wbl0 wwl5 wwlb5 rwl5_1 rwlb5_1 b6_0 sn5_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_0 b6_0 b7_0 {r_wire}
cbl6_0 b7_0 vss {c_wire}
x6_0 wbl0 wwl6 wwlb6 rwl6_1 rwlb6_1 b7_0 sn6_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_0 b7_0 b8_0 {r_wire}
cbl7_0 b8_0 vss {c_wire}
x7_0 wbl0 wwl7 wwlb7 rwl7_1 rwlb7_1 b8_0 sn7_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_0 b8_0 b9_0 {r_wire}
cbl8_0 b9_0 vss {c_wire}
x8_0 wbl0 wwl8 wwlb8 rwl8_1 rwlb8_1 b9_0 sn8_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_0 b9_0 b10_0 {r_wire}
cbl9_0 b10_0 vss {c_wire}
x9_0 wbl0 wwl9 wwlb9 rwl9_1 rwlb9_1 b10_0 sn9_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_0 b10_0 b11_0 {r_wire}
cbl10_0 b11_0 vss {c_wire}
x10_0 wbl0 wwl10 wwlb10 rwl10_1 rwlb10_1 b11_0 sn10_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_0 b11_0 b12_0 {r_wire}
cbl11_0 b12_0 vss {c_wire}
x11_0 wbl0 wwl11 wwlb11 rwl11_1 rwlb11_1 b12_0 sn11_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_0 b12_0 b13_0 {r_wire}
cbl12_0 b13_0 vss {c_wire}
x12_0 wbl0 wwl12 wwlb12 rwl12_1 rwlb12_1 b13_0 sn12_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_0 b13_0 b14_0 {r_wire}
cbl13_0 b14_0 vss {c_wire}
x13_0 wbl0 wwl13 wwlb13 rwl13_1 rwlb13_1 b14_0 sn13_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_0 b14_0 b15_0 {r_wire}
cbl14_0 b15_0 vss {c_wire}
x14_0 wbl0 wwl14 wwlb14 rwl14_1 rwlb14_1 b15_0 sn14_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_0 b15_0 b16_0 {r_wire}
cbl15_0 b16_0 vss {c_wire}
x15_0 wbl0 wwl15 wwlb15 rwl15_1 rwlb15_1 b16_0 sn15_0 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_1 bl1 b1_1 {r_wire}
cbl0_1 b1_1 vss {c_wire}
x0_1 wbl1 wwl0 wwlb0 rwl0_2 rwlb0_2 b1_1 sn0_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_1 b1_1 b2_1 {r_wire}
cbl1_1 b2_1 vss {c_wire}
x1_1 wbl1 wwl1 wwlb1 rwl1_2 rwlb1_2 b2_1 sn1_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_1 b2_1 b3_1 {r_wire}
cbl2_1 b3_1 vss {c_wire}
x2_1 wbl1 wwl2 wwlb2 rwl2_2 rwlb2_2 b3_1 sn2_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_1 b3_1 b4_1 {r_wire}
cbl3_1 b4_1 vss {c_wire}
x3_1 wbl1 wwl3 wwlb3 rwl3_2 rwlb3_2 b4_1 sn3_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_1 b4_1 b5_1 {r_wire}
cbl4_1 b5_1 vss {c_wire}
x4_1 wbl1 wwl4 wwlb4 rwl4_2 rwlb4_2 b5_1 sn4_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_1 b5_1 b6_1 {r_wire}
cbl5_1 b6_1 vss {c_wire}
x5_1 wbl1 wwl5 wwlb5 rwl5_2 rwlb5_2 b6_1 sn5_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_1 b6_1 b7_1 {r_wire}
cbl6_1 b7_1 vss {c_wire}
x6_1 wbl1 wwl6 wwlb6 rwl6_2 rwlb6_2 b7_1 sn6_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_1 b7_1 b8_1 {r_wire}
cbl7_1 b8_1 vss {c_wire}
x7_1 wbl1 wwl7 wwlb7 rwl7_2 rwlb7_2 b8_1 sn7_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_1 b8_1 b9_1 {r_wire}
cbl8_1 b9_1 vss {c_wire}
x8_1 wbl1 wwl8 wwlb8 rwl8_2 rwlb8_2 b9_1 sn8_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_1 b9_1 b10_1 {r_wire}
cbl9_1 b10_1 vss {c_wire}
x9_1 wbl1 wwl9 wwlb9 rwl9_2 rwlb9_2 b10_1 sn9_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_1 b10_1 b11_1 {r_wire}
cbl10_1 b11_1 vss {c_wire}
x10_1 wbl1 wwl10 wwlb10 rwl10_2 rwlb10_2 b11_1 sn10_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_1 b11_1 b12_1 {r_wire}
cbl11_1 b12_1 vss {c_wire}
x11_1 wbl1 wwl11 wwlb11 rwl11_2 rwlb11_2 b12_1 sn11_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_1 b12_1 b13_1 {r_wire}
cbl12_1 b13_1 vss {c_wire}
x12_1 wbl1 wwl12 wwlb12 rwl12_2 rwlb12_2 b13_1 sn12_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_1 b13_1 b14_1 {r_wire}
cbl13_1 b14_1 vss {c_wire}
x13_1 wbl1 wwl13 wwlb13 rwl13_2 rwlb13_2 b14_1 sn13_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_1 b14_1 b15_1 {r_wire}
cbl14_1 b15_1 vss {c_wire}
x14_1 wbl1 wwl14 wwlb14 rwl14_2 rwlb14_2 b15_1 sn14_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_1 b15_1 b16_1 {r_wire}
cbl15_1 b16_1 vss {c_wire}
x15_1 wbl1 wwl15 wwlb15 rwl15_2 rwlb15_2 b16_1 sn15_1 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_2 bl2 b1_2 {r_wire}
cbl0_2 b1_2 vss {c_wire}
x0_2 wbl2 wwl0 wwlb0 rwl0_3 rwlb0_3 b1_2 sn0_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_2 b1_2 b2_2 {r_wire}
cbl1_2 b2_2 vss {c_wire}
x1_2 wbl2 wwl1 wwlb1 rwl1_3 rwlb1_3 b2_2 sn1_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_2 b2_2 b3_2 {r_wire}
cbl2_2 b3_2 vss {c_wire}
x2_2 wbl2 wwl2 wwlb2 rwl2_3 rwlb2_3 b3_2 sn2_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_2 b3_2 b4_2 {r_wire}
cbl3_2 b4_2 vss {c_wire}
x3_2 wbl2 wwl3 wwlb3 rwl3_3 rwlb3_3 b4_2 sn3_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_2 b4_2 b5_2 {r_wire}
cbl4_2 b5_2 vss {c_wire}
x4_2 wbl2 wwl4 wwlb4 rwl4_3 rwlb4_3 b5_2 sn4_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_2 b5_2 b6_2 {r_wire}
cbl5_2 b6_2 vss {c_wire}
x5_2 wbl2 wwl5 wwlb5 rwl5_3 rwlb5_3 b6_2 sn5_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_2 b6_2 b7_2 {r_wire}
cbl6_2 b7_2 vss {c_wire}
x6_2 wbl2 wwl6 wwlb6 rwl6_3 rwlb6_3 b7_2 sn6_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_2 b7_2 b8_2 {r_wire}
cbl7_2 b8_2 vss {c_wire}
x7_2 wbl2 wwl7 wwlb7 rwl7_3 rwlb7_3 b8_2 sn7_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_2 b8_2 b9_2 {r_wire}
cbl8_2 b9_2 vss {c_wire}
x8_2 wbl2 wwl8 wwlb8 rwl8_3 rwlb8_3 b9_2 sn8_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_2 b9_2 b10_2 {r_wire}
cbl9_2 b10_2 vss {c_wire}
x9_2 wbl2 wwl9 wwlb9 rwl9_3 rwlb9_3 b10_2 sn9_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_2 b10_2 b11_2 {r_wire}
cbl10_2 b11_2 vss {c_wire}
x10_2 wbl2 wwl10 wwlb10 rwl10_3 rwlb10_3 b11_2 sn10_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_2 b11_2 b12_2 {r_wire}
cbl11_2 b12_2 vss {c_wire}
x11_2 wbl2 wwl11 wwlb11 rwl11_3 rwlb11_3 b12_2 sn11_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_2 b12_2 b13_2 {r_wire}
cbl12_2 b13_2 vss {c_wire}
x12_2 wbl2 wwl12 wwlb12 rwl12_3 rwlb12_3 b13_2 sn12_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_2 b13_2 b14_2 {r_wire}
cbl13_2 b14_2 vss {c_wire}
x13_2 wbl2 wwl13 wwlb13 rwl13_3 rwlb13_3 b14_2 sn13_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_2 b14_2 b15_2 {r_wire}
cbl14_2 b15_2 vss {c_wire}
x14_2 wbl2 wwl14 wwlb14 rwl14_3 rwlb14_3 b15_2 sn14_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_2 b15_2 b16_2 {r_wire}
cbl15_2 b16_2 vss {c_wire}
x15_2 wbl2 wwl15 wwlb15 rwl15_3 rwlb15_3 b16_2 sn15_2 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_3 bl3 b1_3 {r_wire}
cbl0_3 b1_3 vss {c_wire}
x0_3 wbl3 wwl0 wwlb0 rwl0_4 rwlb0_4 b1_3 sn0_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_3 b1_3 b2_3 {r_wire}
cbl1_3 b2_3 vss {c_wire}
x1_3 wbl3 wwl1 wwlb1 rwl1_4 rwlb1_4 b2_3 sn1_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_3 b2_3 b3_3 {r_wire}
cbl2_3 b3_3 vss {c_wire}
x2_3 wbl3 wwl2 wwlb2 rwl2_4 rwlb2_4 b3_3 sn2_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_3 b3_3 b4_3 {r_wire}
cbl3_3 b4_3 vss {c_wire}
x3_3 wbl3 wwl3 wwlb3 rwl3_4 rwlb3_4 b4_3 sn3_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_3 b4_3 b5_3 {r_wire}
cbl4_3 b5_3 vss {c_wire}
x4_3 wbl3 wwl4 wwlb4 rwl4_4 rwlb4_4 b5_3 sn4_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_3 b5_3 b6_3 {r_wire}
cbl5_3 b6_3 vss {c_wire}
x5_3 wbl3 wwl5 wwlb5 rwl5_4 rwlb5_4 b6_3 sn5_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_3 b6_3 b7_3 {r_wire}
cbl6_3 b7_3 vss {c_wire}
x6_3 wbl3 wwl6 wwlb6 rwl6_4 rwlb6_4 b7_3 sn6_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_3 b7_3 b8_3 {r_wire}
cbl7_3 b8_3 vss {c_wire}
x7_3 wbl3 wwl7 wwlb7 rwl7_4 rwlb7_4 b8_3 sn7_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_3 b8_3 b9_3 {r_wire}
cbl8_3 b9_3 vss {c_wire}
x8_3 wbl3 wwl8 wwlb8 rwl8_4 rwlb8_4 b9_3 sn8_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_3 b9_3 b10_3 {r_wire}
cbl9_3 b10_3 vss {c_wire}
x9_3 wbl3 wwl9 wwlb9 rwl9_4 rwlb9_4 b10_3 sn9_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_3 b10_3 b11_3 {r_wire}
cbl10_3 b11_3 vss {c_wire}
x10_3 wbl3 wwl10 wwlb10 rwl10_4 rwlb10_4 b11_3 sn10_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_3 b11_3 b12_3 {r_wire}
cbl11_3 b12_3 vss {c_wire}
x11_3 wbl3 wwl11 wwlb11 rwl11_4 rwlb11_4 b12_3 sn11_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_3 b12_3 b13_3 {r_wire}
cbl12_3 b13_3 vss {c_wire}
x12_3 wbl3 wwl12 wwlb12 rwl12_4 rwlb12_4 b13_3 sn12_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_3 b13_3 b14_3 {r_wire}
cbl13_3 b14_3 vss {c_wire}
x13_3 wbl3 wwl13 wwlb13 rwl13_4 rwlb13_4 b14_3 sn13_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_3 b14_3 b15_3 {r_wire}
cbl14_3 b15_3 vss {c_wire}
x14_3 wbl3 wwl14 wwlb14 rwl14_4 rwlb14_4 b15_3 sn14_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_3 b15_3 b16_3 {r_wire}
cbl15_3 b16_3 vss {c_wire}
x15_3 wbl3 wwl15 wwlb15 rwl15_4 rwlb15_4 b16_3 sn15_3 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_4 bl4 b1_4 {r_wire}
cbl0_4 b1_4 vss {c_wire}
x0_4 wbl4 wwl0 wwlb0 rwl0_5 rwlb0_5 b1_4 sn0_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_4 b1_4 b2_4 {r_wire}
cbl1_4 b2_4 vss {c_wire}
x1_4 wbl4 wwl1 wwlb1 rwl1_5 rwlb1_5 b2_4 sn1_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_4 b2_4 b3_4 {r_wire}
cbl2_4 b3_4 vss {c_wire}
x2_4 wbl4 wwl2 wwlb2 rwl2_5 rwlb2_5 b3_4 sn2_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_4 b3_4 b4_4 {r_wire}
cbl3_4 b4_4 vss {c_wire}
x3_4 wbl4 wwl3 wwlb3 rwl3_5 rwlb3_5 b4_4 sn3_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_4 b4_4 b5_4 {r_wire}
cbl4_4 b5_4 vss {c_wire}
x4_4 wbl4 wwl4 wwlb4 rwl4_5 rwlb4_5 b5_4 sn4_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_4 b5_4 b6_4 {r_wire}
cbl5_4 b6_4 vss {c_wire}
x5_4 wbl4 wwl5 wwlb5 rwl5_5 rwlb5_5 b6_4 sn5_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_4 b6_4 b7_4 {r_wire}
cbl6_4 b7_4 vss {c_wire}
x6_4 wbl4 wwl6 wwlb6 rwl6_5 rwlb6_5 b7_4 sn6_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_4 b7_4 b8_4 {r_wire}
cbl7_4 b8_4 vss {c_wire}
x7_4 wbl4 wwl7 wwlb7 rwl7_5 rwlb7_5 b8_4 sn7_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_4 b8_4 b9_4 {r_wire}
cbl8_4 b9_4 vss {c_wire}
x8_4 wbl4 wwl8 wwlb8 rwl8_5 rwlb8_5 b9_4 sn8_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_4 b9_4 b10_4 {r_wire}
cbl9_4 b10_4 vss {c_wire}
x9_4 wbl4 wwl9 wwlb9 rwl9_5 rwlb9_5 b10_4 sn9_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_4 b10_4 b11_4 {r_wire}
cbl10_4 b11_4 vss {c_wire}
x10_4 wbl4 wwl10 wwlb10 rwl10_5 rwlb10_5 b11_4 sn10_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_4 b11_4 b12_4 {r_wire}
cbl11_4 b12_4 vss {c_wire}
x11_4 wbl4 wwl11 wwlb11 rwl11_5 rwlb11_5 b12_4 sn11_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_4 b12_4 b13_4 {r_wire}
cbl12_4 b13_4 vss {c_wire}
x12_4 wbl4 wwl12 wwlb12 rwl12_5 rwlb12_5 b13_4 sn12_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_4 b13_4 b14_4 {r_wire}
cbl13_4 b14_4 vss {c_wire}
x13_4 wbl4 wwl13 wwlb13 rwl13_5 rwlb13_5 b14_4 sn13_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_4 b14_4 b15_4 {r_wire}
cbl14_4 b15_4 vss {c_wire}
x14_4 wbl4 wwl14 wwlb14 rwl14_5 rwlb14_5 b15_4 sn14_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_4 b15_4 b16_4 {r_wire}
cbl15_4 b16_4 vss {c_wire}
x15_4 wbl4 wwl15 wwlb15 rwl15_5 rwlb15_5 b16_4 sn15_4 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_5 bl5 b1_5 {r_wire}
cbl0_5 b1_5 vss {c_wire}
x0_5 wbl5 wwl0 wwlb0 rwl0_6 rwlb0_6 b1_5 sn0_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_5 b1_5 b2_5 {r_wire}
cbl1_5 b2_5 vss {c_wire}
x1_5 wbl5 wwl1 wwlb1 rwl1_6 rwlb1_6 b2_5 sn1_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_5 b2_5 b3_5 {r_wire}
cbl2_5 b3_5 vss {c_wire}
x2_5 wbl5 wwl2 wwlb2 rwl2_6 rwlb2_6 b3_5 sn2_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_5 b3_5 b4_5 {r_wire}
cbl3_5 b4_5 vss {c_wire}
x3_5 wbl5 wwl3 wwlb3 rwl3_6 rwlb3_6 b4_5 sn3_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_5 b4_5 b5_5 {r_wire}
cbl4_5 b5_5 vss {c_wire}
x4_5 wbl5 wwl4 wwlb4 rwl4_6 rwlb4_6 b5_5 sn4_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_5 b5_5 b6_5 {r_wire}
cbl5_5 b6_5 vss {c_wire}
x5_5 wbl5 wwl5 wwlb5 rwl5_6 rwlb5_6 b6_5 sn5_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_5 b6_5 b7_5 {r_wire}
cbl6_5 b7_5 vss {c_wire}
x6_5 wbl5 wwl6 wwlb6 rwl6_6 rwlb6_6 b7_5 sn6_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_5 b7_5 b8_5 {r_wire}
cbl7_5 b8_5 vss {c_wire}
x7_5 wbl5 wwl7 wwlb7 rwl7_6 rwlb7_6 b8_5 sn7_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_5 b8_5 b9_5 {r_wire}
cbl8_5 b9_5 vss {c_wire}
x8_5 wbl5 wwl8 wwlb8 rwl8_6 rwlb8_6 b9_5 sn8_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_5 b9_5 b10_5 {r_wire}
cbl9_5 b10_5 vss {c_wire}
x9_5 wbl5 wwl9 wwlb9 rwl9_6 rwlb9_6 b10_5 sn9_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_5 b10_5 b11_5 {r_wire}
cbl10_5 b11_5 vss {c_wire}
x10_5 wbl5 wwl10 wwlb10 rwl10_6 rwlb10_6 b11_5 sn10_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_5 b11_5 b12_5 {r_wire}
cbl11_5 b12_5 vss {c_wire}
x11_5 wbl5 wwl11 wwlb11 rwl11_6 rwlb11_6 b12_5 sn11_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_5 b12_5 b13_5 {r_wire}
cbl12_5 b13_5 vss {c_wire}
x12_5 wbl5 wwl12 wwlb12 rwl12_6 rwlb12_6 b13_5 sn12_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_5 b13_5 b14_5 {r_wire}
cbl13_5 b14_5 vss {c_wire}
x13_5 wbl5 wwl13 wwlb13 rwl13_6 rwlb13_6 b14_5 sn13_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_5 b14_5 b15_5 {r_wire}
cbl14_5 b15_5 vss {c_wire}
x14_5 wbl5 wwl14 wwlb14 rwl14_6 rwlb14_6 b15_5 sn14_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_5 b15_5 b16_5 {r_wire}
cbl15_5 b16_5 vss {c_wire}
x15_5 wbl5 wwl15 wwlb15 rwl15_6 rwlb15_6 b16_5 sn15_5 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_6 bl6 b1_6 {r_wire}
cbl0_6 b1_6 vss {c_wire}
x0_6 wbl6 wwl0 wwlb0 rwl0_7 rwlb0_7 b1_6 sn0_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_6 b1_6 b2_6 {r_wire}
cbl1_6 b2_6 vss {c_wire}
x1_6 wbl6 wwl1 wwlb1 rwl1_7 rwlb1_7 b2_6 sn1_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_6 b2_6 b3_6 {r_wire}
cbl2_6 b3_6 vss {c_wire}
x2_6 wbl6 wwl2 wwlb2 rwl2_7 rwlb2_7 b3_6 sn2_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_6 b3_6 b4_6 {r_wire}
cbl3_6 b4_6 vss {c_wire}
x3_6 wbl6 wwl3 wwlb3 rwl3_7 rwlb3_7 b4_6 sn3_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_6 b4_6 b5_6 {r_wire}
cbl4_6 b5_6 vss {c_wire}
x4_6 wbl6 wwl4 wwlb4 rwl4_7 rwlb4_7 b5_6 sn4_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_6 b5_6 b6_6 {r_wire}
cbl5_6 b6_6 vss {c_wire}
x5_6 wbl6 wwl5 wwlb5 rwl5_7 rwlb5_7 b6_6 sn5_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_6 b6_6 b7_6 {r_wire}
cbl6_6 b7_6 vss {c_wire}
x6_6 wbl6 wwl6 wwlb6 rwl6_7 rwlb6_7 b7_6 sn6_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_6 b7_6 b8_6 {r_wire}
cbl7_6 b8_6 vss {c_wire}
x7_6 wbl6 wwl7 wwlb7 rwl7_7 rwlb7_7 b8_6 sn7_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_6 b8_6 b9_6 {r_wire}
cbl8_6 b9_6 vss {c_wire}
x8_6 wbl6 wwl8 wwlb8 rwl8_7 rwlb8_7 b9_6 sn8_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_6 b9_6 b10_6 {r_wire}
cbl9_6 b10_6 vss {c_wire}
x9_6 wbl6 wwl9 wwlb9 rwl9_7 rwlb9_7 b10_6 sn9_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_6 b10_6 b11_6 {r_wire}
cbl10_6 b11_6 vss {c_wire}
x10_6 wbl6 wwl10 wwlb10 rwl10_7 rwlb10_7 b11_6 sn10_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_6 b11_6 b12_6 {r_wire}
cbl11_6 b12_6 vss {c_wire}
x11_6 wbl6 wwl11 wwlb11 rwl11_7 rwlb11_7 b12_6 sn11_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_6 b12_6 b13_6 {r_wire}
cbl12_6 b13_6 vss {c_wire}
x12_6 wbl6 wwl12 wwlb12 rwl12_7 rwlb12_7 b13_6 sn12_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_6 b13_6 b14_6 {r_wire}
cbl13_6 b14_6 vss {c_wire}
x13_6 wbl6 wwl13 wwlb13 rwl13_7 rwlb13_7 b14_6 sn13_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_6 b14_6 b15_6 {r_wire}
cbl14_6 b15_6 vss {c_wire}
x14_6 wbl6 wwl14 wwlb14 rwl14_7 rwlb14_7 b15_6 sn14_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_6 b15_6 b16_6 {r_wire}
cbl15_6 b16_6 vss {c_wire}
x15_6 wbl6 wwl15 wwlb15 rwl15_7 rwlb15_7 b16_6 sn15_6 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_7 bl7 b1_7 {r_wire}
cbl0_7 b1_7 vss {c_wire}
x0_7 wbl7 wwl0 wwlb0 rwl0_8 rwlb0_8 b1_7 sn0_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_7 b1_7 b2_7 {r_wire}
cbl1_7 b2_7 vss {c_wire}
x1_7 wbl7 wwl1 wwlb1 rwl1_8 rwlb1_8 b2_7 sn1_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_7 b2_7 b3_7 {r_wire}
cbl2_7 b3_7 vss {c_wire}
x2_7 wbl7 wwl2 wwlb2 rwl2_8 rwlb2_8 b3_7 sn2_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_7 b3_7 b4_7 {r_wire}
cbl3_7 b4_7 vss {c_wire}
x3_7 wbl7 wwl3 wwlb3 rwl3_8 rwlb3_8 b4_7 sn3_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_7 b4_7 b5_7 {r_wire}
cbl4_7 b5_7 vss {c_wire}
x4_7 wbl7 wwl4 wwlb4 rwl4_8 rwlb4_8 b5_7 sn4_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_7 b5_7 b6_7 {r_wire}
cbl5_7 b6_7 vss {c_wire}
x5_7 wbl7 wwl5 wwlb5 rwl5_8 rwlb5_8 b6_7 sn5_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_7 b6_7 b7_7 {r_wire}
cbl6_7 b7_7 vss {c_wire}
x6_7 wbl7 wwl6 wwlb6 rwl6_8 rwlb6_8 b7_7 sn6_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_7 b7_7 b8_7 {r_wire}
cbl7_7 b8_7 vss {c_wire}
x7_7 wbl7 wwl7 wwlb7 rwl7_8 rwlb7_8 b8_7 sn7_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_7 b8_7 b9_7 {r_wire}
cbl8_7 b9_7 vss {c_wire}
x8_7 wbl7 wwl8 wwlb8 rwl8_8 rwlb8_8 b9_7 sn8_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_7 b9_7 b10_7 {r_wire}
cbl9_7 b10_7 vss {c_wire}
x9_7 wbl7 wwl9 wwlb9 rwl9_8 rwlb9_8 b10_7 sn9_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_7 b10_7 b11_7 {r_wire}
cbl10_7 b11_7 vss {c_wire}
x10_7 wbl7 wwl10 wwlb10 rwl10_8 rwlb10_8 b11_7 sn10_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_7 b11_7 b12_7 {r_wire}
cbl11_7 b12_7 vss {c_wire}
x11_7 wbl7 wwl11 wwlb11 rwl11_8 rwlb11_8 b12_7 sn11_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_7 b12_7 b13_7 {r_wire}
cbl12_7 b13_7 vss {c_wire}
x12_7 wbl7 wwl12 wwlb12 rwl12_8 rwlb12_8 b13_7 sn12_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_7 b13_7 b14_7 {r_wire}
cbl13_7 b14_7 vss {c_wire}
x13_7 wbl7 wwl13 wwlb13 rwl13_8 rwlb13_8 b14_7 sn13_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_7 b14_7 b15_7 {r_wire}
cbl14_7 b15_7 vss {c_wire}
x14_7 wbl7 wwl14 wwlb14 rwl14_8 rwlb14_8 b15_7 sn14_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_7 b15_7 b16_7 {r_wire}
cbl15_7 b16_7 vss {c_wire}
x15_7 wbl7 wwl15 wwlb15 rwl15_8 rwlb15_8 b16_7 sn15_7 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_8 bl8 b1_8 {r_wire}
cbl0_8 b1_8 vss {c_wire}
x0_8 wbl8 wwl0 wwlb0 rwl0_9 rwlb0_9 b1_8 sn0_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_8 b1_8 b2_8 {r_wire}
cbl1_8 b2_8 vss {c_wire}
x1_8 wbl8 wwl1 wwlb1 rwl1_9 rwlb1_9 b2_8 sn1_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_8 b2_8 b3_8 {r_wire}
cbl2_8 b3_8 vss {c_wire}
x2_8 wbl8 wwl2 wwlb2 rwl2_9 rwlb2_9 b3_8 sn2_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_8 b3_8 b4_8 {r_wire}
cbl3_8 b4_8 vss {c_wire}
x3_8 wbl8 wwl3 wwlb3 rwl3_9 rwlb3_9 b4_8 sn3_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_8 b4_8 b5_8 {r_wire}
cbl4_8 b5_8 vss {c_wire}
x4_8 wbl8 wwl4 wwlb4 rwl4_9 rwlb4_9 b5_8 sn4_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_8 b5_8 b6_8 {r_wire}
cbl5_8 b6_8 vss {c_wire}
x5_8 wbl8 wwl5 wwlb5 rwl5_9 rwlb5_9 b6_8 sn5_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_8 b6_8 b7_8 {r_wire}
cbl6_8 b7_8 vss {c_wire}
x6_8 wbl8 wwl6 wwlb6 rwl6_9 rwlb6_9 b7_8 sn6_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_8 b7_8 b8_8 {r_wire}
cbl7_8 b8_8 vss {c_wire}
x7_8 wbl8 wwl7 wwlb7 rwl7_9 rwlb7_9 b8_8 sn7_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_8 b8_8 b9_8 {r_wire}
cbl8_8 b9_8 vss {c_wire}
x8_8 wbl8 wwl8 wwlb8 rwl8_9 rwlb8_9 b9_8 sn8_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_8 b9_8 b10_8 {r_wire}
cbl9_8 b10_8 vss {c_wire}
x9_8 wbl8 wwl9 wwlb9 rwl9_9 rwlb9_9 b10_8 sn9_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_8 b10_8 b11_8 {r_wire}
cbl10_8 b11_8 vss {c_wire}
x10_8 wbl8 wwl10 wwlb10 rwl10_9 rwlb10_9 b11_8 sn10_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_8 b11_8 b12_8 {r_wire}
cbl11_8 b12_8 vss {c_wire}
x11_8 wbl8 wwl11 wwlb11 rwl11_9 rwlb11_9 b12_8 sn11_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_8 b12_8 b13_8 {r_wire}
cbl12_8 b13_8 vss {c_wire}
x12_8 wbl8 wwl12 wwlb12 rwl12_9 rwlb12_9 b13_8 sn12_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_8 b13_8 b14_8 {r_wire}
cbl13_8 b14_8 vss {c_wire}
x13_8 wbl8 wwl13 wwlb13 rwl13_9 rwlb13_9 b14_8 sn13_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_8 b14_8 b15_8 {r_wire}
cbl14_8 b15_8 vss {c_wire}
x14_8 wbl8 wwl14 wwlb14 rwl14_9 rwlb14_9 b15_8 sn14_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_8 b15_8 b16_8 {r_wire}
cbl15_8 b16_8 vss {c_wire}
x15_8 wbl8 wwl15 wwlb15 rwl15_9 rwlb15_9 b16_8 sn15_8 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_9 bl9 b1_9 {r_wire}
cbl0_9 b1_9 vss {c_wire}
x0_9 wbl9 wwl0 wwlb0 rwl0_10 rwlb0_10 b1_9 sn0_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_9 b1_9 b2_9 {r_wire}
cbl1_9 b2_9 vss {c_wire}
x1_9 wbl9 wwl1 wwlb1 rwl1_10 rwlb1_10 b2_9 sn1_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_9 b2_9 b3_9 {r_wire}
cbl2_9 b3_9 vss {c_wire}
x2_9 wbl9 wwl2 wwlb2 rwl2_10 rwlb2_10 b3_9 sn2_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_9 b3_9 b4_9 {r_wire}
cbl3_9 b4_9 vss {c_wire}
x3_9 wbl9 wwl3 wwlb3 rwl3_10 rwlb3_10 b4_9 sn3_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_9 b4_9 b5_9 {r_wire}
cbl4_9 b5_9 vss {c_wire}
x4_9 wbl9 wwl4 wwlb4 rwl4_10 rwlb4_10 b5_9 sn4_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_9 b5_9 b6_9 {r_wire}
cbl5_9 b6_9 vss {c_wire}
x5_9 wbl9 wwl5 wwlb5 rwl5_10 rwlb5_10 b6_9 sn5_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_9 b6_9 b7_9 {r_wire}
cbl6_9 b7_9 vss {c_wire}
x6_9 wbl9 wwl6 wwlb6 rwl6_10 rwlb6_10 b7_9 sn6_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_9 b7_9 b8_9 {r_wire}
cbl7_9 b8_9 vss {c_wire}
x7_9 wbl9 wwl7 wwlb7 rwl7_10 rwlb7_10 b8_9 sn7_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_9 b8_9 b9_9 {r_wire}
cbl8_9 b9_9 vss {c_wire}
x8_9 wbl9 wwl8 wwlb8 rwl8_10 rwlb8_10 b9_9 sn8_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp} l_w={l_w}
+ w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_9 b9_9 b10_9 {r_wire}
cbl9_9 b10_9 vss {c_wire}
x9_9 wbl9 wwl9 wwlb9 rwl9_10 rwlb9_10 b10_9 sn9_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_9 b10_9 b11_9 {r_wire}
cbl10_9 b11_9 vss {c_wire}
x10_9 wbl9 wwl10 wwlb10 rwl10_10 rwlb10_10 b11_9 sn10_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_9 b11_9 b12_9 {r_wire}
cbl11_9 b12_9 vss {c_wire}
x11_9 wbl9 wwl11 wwlb11 rwl11_10 rwlb11_10 b12_9 sn11_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_9 b12_9 b13_9 {r_wire}
cbl12_9 b13_9 vss {c_wire}
x12_9 wbl9 wwl12 wwlb12 rwl12_10 rwlb12_10 b13_9 sn12_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_9 b13_9 b14_9 {r_wire}
cbl13_9 b14_9 vss {c_wire}
x13_9 wbl9 wwl13 wwlb13 rwl13_10 rwlb13_10 b14_9 sn13_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_9 b14_9 b15_9 {r_wire}
cbl14_9 b15_9 vss {c_wire}
x14_9 wbl9 wwl14 wwlb14 rwl14_10 rwlb14_10 b15_9 sn14_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_9 b15_9 b16_9 {r_wire}
cbl15_9 b16_9 vss {c_wire}
x15_9 wbl9 wwl15 wwlb15 rwl15_10 rwlb15_10 b16_9 sn15_9 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_10 bl10 b1_10 {r_wire}
cbl0_10 b1_10 vss {c_wire}
x0_10 wbl10 wwl0 wwlb0 rwl0_11 rwlb0_11 b1_10 sn0_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_10 b1_10 b2_10 {r_wire}
cbl1_10 b2_10 vss {c_wire}
x1_10 wbl10 wwl1 wwlb1 rwl1_11 rwlb1_11 b2_10 sn1_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_10 b2_10 b3_10 {r_wire}
cbl2_10 b3_10 vss {c_wire}
x2_10 wbl10 wwl2 wwlb2 rwl2_11 rwlb2_11 b3_10 sn2_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_10 b3_10 b4_10 {r_wire}
cbl3_10 b4_10 vss {c_wire}
x3_10 wbl10 wwl3 wwlb3 rwl3_11 rwlb3_11 b4_10 sn3_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_10 b4_10 b5_10 {r_wire}
cbl4_10 b5_10 vss {c_wire}
x4_10 wbl10 wwl4 wwlb4 rwl4_11 rwlb4_11 b5_10 sn4_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_10 b5_10 b6_10 {r_wire}
cbl5_10 b6_10 vss {c_wire}
x5_10 wbl10 wwl5 wwlb5 rwl5_11 rwlb5_11 b6_10 sn5_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_10 b6_10 b7_10 {r_wire}
cbl6_10 b7_10 vss {c_wire}
x6_10 wbl10 wwl6 wwlb6 rwl6_11 rwlb6_11 b7_10 sn6_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_10 b7_10 b8_10 {r_wire}
cbl7_10 b8_10 vss {c_wire}
x7_10 wbl10 wwl7 wwlb7 rwl7_11 rwlb7_11 b8_10 sn7_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_10 b8_10 b9_10 {r_wire}
cbl8_10 b9_10 vss {c_wire}
x8_10 wbl10 wwl8 wwlb8 rwl8_11 rwlb8_11 b9_10 sn8_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_10 b9_10 b10_10 {r_wire}
cbl9_10 b10_10 vss {c_wire}
x9_10 wbl10 wwl9 wwlb9 rwl9_11 rwlb9_11 b10_10 sn9_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_10 b10_10 b11_10 {r_wire}
cbl10_10 b11_10 vss {c_wire}
x10_10 wbl10 wwl10 wwlb10 rwl10_11 rwlb10_11 b11_10 sn10_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_10 b11_10 b12_10 {r_wire}
cbl11_10 b12_10 vss {c_wire}
x11_10 wbl10 wwl11 wwlb11 rwl11_11 rwlb11_11 b12_10 sn11_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_10 b12_10 b13_10 {r_wire}
cbl12_10 b13_10 vss {c_wire}
x12_10 wbl10 wwl12 wwlb12 rwl12_11 rwlb12_11 b13_10 sn12_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_10 b13_10 b14_10 {r_wire}
cbl13_10 b14_10 vss {c_wire}
x13_10 wbl10 wwl13 wwlb13 rwl13_11 rwlb13_11 b14_10 sn13_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_10 b14_10 b15_10 {r_wire}
cbl14_10 b15_10 vss {c_wire}
x14_10 wbl10 wwl14 wwlb14 rwl14_11 rwlb14_11 b15_10 sn14_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_10 b15_10 b16_10 {r_wire}
cbl15_10 b16_10 vss {c_wire}
x15_10 wbl10 wwl15 wwlb15 rwl15_11 rwlb15_11 b16_10 sn15_10 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_11 bl11 b1_11 {r_wire}
cbl0_11 b1_11 vss {c_wire}
x0_11 wbl11 wwl0 wwlb0 rwl0_12 rwlb0_12 b1_11 sn0_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_11 b1_11 b2_11 {r_wire}
cbl1_11 b2_11 vss {c_wire}
x1_11 wbl11 wwl1 wwlb1 rwl1_12 rwlb1_12 b2_11 sn1_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_11 b2_11 b3_11 {r_wire}
cbl2_11 b3_11 vss {c_wire}
x2_11 wbl11 wwl2 wwlb2 rwl2_12 rwlb2_12 b3_11 sn2_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_11 b3_11 b4_11 {r_wire}
cbl3_11 b4_11 vss {c_wire}
x3_11 wbl11 wwl3 wwlb3 rwl3_12 rwlb3_12 b4_11 sn3_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_11 b4_11 b5_11 {r_wire}
cbl4_11 b5_11 vss {c_wire}
x4_11 wbl11 wwl4 wwlb4 rwl4_12 rwlb4_12 b5_11 sn4_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_11 b5_11 b6_11 {r_wire}
cbl5_11 b6_11 vss {c_wire}
x5_11 wbl11 wwl5 wwlb5 rwl5_12 rwlb5_12 b6_11 sn5_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_11 b6_11 b7_11 {r_wire}
cbl6_11 b7_11 vss {c_wire}
x6_11 wbl11 wwl6 wwlb6 rwl6_12 rwlb6_12 b7_11 sn6_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_11 b7_11 b8_11 {r_wire}
cbl7_11 b8_11 vss {c_wire}
x7_11 wbl11 wwl7 wwlb7 rwl7_12 rwlb7_12 b8_11 sn7_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_11 b8_11 b9_11 {r_wire}
cbl8_11 b9_11 vss {c_wire}
x8_11 wbl11 wwl8 wwlb8 rwl8_12 rwlb8_12 b9_11 sn8_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_11 b9_11 b10_11 {r_wire}
cbl9_11 b10_11 vss {c_wire}
x9_11 wbl11 wwl9 wwlb9 rwl9_12 rwlb9_12 b10_11 sn9_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_11 b10_11 b11_11 {r_wire}
cbl10_11 b11_11 vss {c_wire}
x10_11 wbl11 wwl10 wwlb10 rwl10_12 rwlb10_12 b11_11 sn10_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_11 b11_11 b12_11 {r_wire}
cbl11_11 b12_11 vss {c_wire}
x11_11 wbl11 wwl11 wwlb11 rwl11_12 rwlb11_12 b12_11 sn11_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_11 b12_11 b13_11 {r_wire}
cbl12_11 b13_11 vss {c_wire}
x12_11 wbl11 wwl12 wwlb12 rwl12_12 rwlb12_12 b13_11 sn12_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_11 b13_11 b14_11 {r_wire}
cbl13_11 b14_11 vss {c_wire}
x13_11 wbl11 wwl13 wwlb13 rwl13_12 rwlb13_12 b14_11 sn13_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_11 b14_11 b15_11 {r_wire}
cbl14_11 b15_11 vss {c_wire}
x14_11 wbl11 wwl14 wwlb14 rwl14_12 rwlb14_12 b15_11 sn14_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_11 b15_11 b16_11 {r_wire}
cbl15_11 b16_11 vss {c_wire}
x15_11 wbl11 wwl15 wwlb15 rwl15_12 rwlb15_12 b16_11 sn15_11 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_12 bl12 b1_12 {r_wire}
cbl0_12 b1_12 vss {c_wire}
x0_12 wbl12 wwl0 wwlb0 rwl0_13 rwlb0_13 b1_12 sn0_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_12 b1_12 b2_12 {r_wire}
cbl1_12 b2_12 vss {c_wire}
x1_12 wbl12 wwl1 wwlb1 rwl1_13 rwlb1_13 b2_12 sn1_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_12 b2_12 b3_12 {r_wire}
cbl2_12 b3_12 vss {c_wire}
x2_12 wbl12 wwl2 wwlb2 rwl2_13 rwlb2_13 b3_12 sn2_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_12 b3_12 b4_12 {r_wire}
cbl3_12 b4_12 vss {c_wire}
x3_12 wbl12 wwl3 wwlb3 rwl3_13 rwlb3_13 b4_12 sn3_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_12 b4_12 b5_12 {r_wire}
cbl4_12 b5_12 vss {c_wire}
x4_12 wbl12 wwl4 wwlb4 rwl4_13 rwlb4_13 b5_12 sn4_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_12 b5_12 b6_12 {r_wire}
cbl5_12 b6_12 vss {c_wire}
x5_12 wbl12 wwl5 wwlb5 rwl5_13 rwlb5_13 b6_12 sn5_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_12 b6_12 b7_12 {r_wire}
cbl6_12 b7_12 vss {c_wire}
x6_12 wbl12 wwl6 wwlb6 rwl6_13 rwlb6_13 b7_12 sn6_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_12 b7_12 b8_12 {r_wire}
cbl7_12 b8_12 vss {c_wire}
x7_12 wbl12 wwl7 wwlb7 rwl7_13 rwlb7_13 b8_12 sn7_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_12 b8_12 b9_12 {r_wire}
cbl8_12 b9_12 vss {c_wire}
x8_12 wbl12 wwl8 wwlb8 rwl8_13 rwlb8_13 b9_12 sn8_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_12 b9_12 b10_12 {r_wire}
cbl9_12 b10_12 vss {c_wire}
x9_12 wbl12 wwl9 wwlb9 rwl9_13 rwlb9_13 b10_12 sn9_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_12 b10_12 b11_12 {r_wire}
cbl10_12 b11_12 vss {c_wire}
x10_12 wbl12 wwl10 wwlb10 rwl10_13 rwlb10_13 b11_12 sn10_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_12 b11_12 b12_12 {r_wire}
cbl11_12 b12_12 vss {c_wire}
x11_12 wbl12 wwl11 wwlb11 rwl11_13 rwlb11_13 b12_12 sn11_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_12 b12_12 b13_12 {r_wire}
cbl12_12 b13_12 vss {c_wire}
x12_12 wbl12 wwl12 wwlb12 rwl12_13 rwlb12_13 b13_12 sn12_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_12 b13_12 b14_12 {r_wire}
cbl13_12 b14_12 vss {c_wire}
x13_12 wbl12 wwl13 wwlb13 rwl13_13 rwlb13_13 b14_12 sn13_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_12 b14_12 b15_12 {r_wire}
cbl14_12 b15_12 vss {c_wire}
x14_12 wbl12 wwl14 wwlb14 rwl14_13 rwlb14_13 b15_12 sn14_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_12 b15_12 b16_12 {r_wire}
cbl15_12 b16_12 vss {c_wire}
x15_12 wbl12 wwl15 wwlb15 rwl15_13 rwlb15_13 b16_12 sn15_12 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_13 bl13 b1_13 {r_wire}
cbl0_13 b1_13 vss {c_wire}
x0_13 wbl13 wwl0 wwlb0 rwl0_14 rwlb0_14 b1_13 sn0_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_13 b1_13 b2_13 {r_wire}
cbl1_13 b2_13 vss {c_wire}
x1_13 wbl13 wwl1 wwlb1 rwl1_14 rwlb1_14 b2_13 sn1_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_13 b2_13 b3_13 {r_wire}
cbl2_13 b3_13 vss {c_wire}
x2_13 wbl13 wwl2 wwlb2 rwl2_14 rwlb2_14 b3_13 sn2_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_13 b3_13 b4_13 {r_wire}
cbl3_13 b4_13 vss {c_wire}
x3_13 wbl13 wwl3 wwlb3 rwl3_14 rwlb3_14 b4_13 sn3_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_13 b4_13 b5_13 {r_wire}
cbl4_13 b5_13 vss {c_wire}
x4_13 wbl13 wwl4 wwlb4 rwl4_14 rwlb4_14 b5_13 sn4_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_13 b5_13 b6_13 {r_wire}
cbl5_13 b6_13 vss {c_wire}
x5_13 wbl13 wwl5 wwlb5 rwl5_14 rwlb5_14 b6_13 sn5_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_13 b6_13 b7_13 {r_wire}
cbl6_13 b7_13 vss {c_wire}
x6_13 wbl13 wwl6 wwlb6 rwl6_14 rwlb6_14 b7_13 sn6_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_13 b7_13 b8_13 {r_wire}
cbl7_13 b8_13 vss {c_wire}
x7_13 wbl13 wwl7 wwlb7 rwl7_14 rwlb7_14 b8_13 sn7_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_13 b8_13 b9_13 {r_wire}
cbl8_13 b9_13 vss {c_wire}
x8_13 wbl13 wwl8 wwlb8 rwl8_14 rwlb8_14 b9_13 sn8_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_13 b9_13 b10_13 {r_wire}
cbl9_13 b10_13 vss {c_wire}
x9_13 wbl13 wwl9 wwlb9 rwl9_14 rwlb9_14 b10_13 sn9_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_13 b10_13 b11_13 {r_wire}
cbl10_13 b11_13 vss {c_wire}
x10_13 wbl13 wwl10 wwlb10 rwl10_14 rwlb10_14 b11_13 sn10_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_13 b11_13 b12_13 {r_wire}
cbl11_13 b12_13 vss {c_wire}
x11_13 wbl13 wwl11 wwlb11 rwl11_14 rwlb11_14 b12_13 sn11_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_13 b12_13 b13_13 {r_wire}
cbl12_13 b13_13 vss {c_wire}
x12_13 wbl13 wwl12 wwlb12 rwl12_14 rwlb12_14 b13_13 sn12_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_13 b13_13 b14_13 {r_wire}
cbl13_13 b14_13 vss {c_wire}
x13_13 wbl13 wwl13 wwlb13 rwl13_14 rwlb13_14 b14_13 sn13_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_13 b14_13 b15_13 {r_wire}
cbl14_13 b15_13 vss {c_wire}
x14_13 wbl13 wwl14 wwlb14 rwl14_14 rwlb14_14 b15_13 sn14_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_13 b15_13 b16_13 {r_wire}
cbl15_13 b16_13 vss {c_wire}
x15_13 wbl13 wwl15 wwlb15 rwl15_14 rwlb15_14 b16_13 sn15_13 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_14 bl14 b1_14 {r_wire}
cbl0_14 b1_14 vss {c_wire}
x0_14 wbl14 wwl0 wwlb0 rwl0_15 rwlb0_15 b1_14 sn0_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_14 b1_14 b2_14 {r_wire}
cbl1_14 b2_14 vss {c_wire}
x1_14 wbl14 wwl1 wwlb1 rwl1_15 rwlb1_15 b2_14 sn1_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_14 b2_14 b3_14 {r_wire}
cbl2_14 b3_14 vss {c_wire}
x2_14 wbl14 wwl2 wwlb2 rwl2_15 rwlb2_15 b3_14 sn2_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_14 b3_14 b4_14 {r_wire}
cbl3_14 b4_14 vss {c_wire}
x3_14 wbl14 wwl3 wwlb3 rwl3_15 rwlb3_15 b4_14 sn3_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_14 b4_14 b5_14 {r_wire}
cbl4_14 b5_14 vss {c_wire}
x4_14 wbl14 wwl4 wwlb4 rwl4_15 rwlb4_15 b5_14 sn4_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_14 b5_14 b6_14 {r_wire}
cbl5_14 b6_14 vss {c_wire}
x5_14 wbl14 wwl5 wwlb5 rwl5_15 rwlb5_15 b6_14 sn5_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_14 b6_14 b7_14 {r_wire}
cbl6_14 b7_14 vss {c_wire}
x6_14 wbl14 wwl6 wwlb6 rwl6_15 rwlb6_15 b7_14 sn6_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_14 b7_14 b8_14 {r_wire}
cbl7_14 b8_14 vss {c_wire}
x7_14 wbl14 wwl7 wwlb7 rwl7_15 rwlb7_15 b8_14 sn7_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_14 b8_14 b9_14 {r_wire}
cbl8_14 b9_14 vss {c_wire}
x8_14 wbl14 wwl8 wwlb8 rwl8_15 rwlb8_15 b9_14 sn8_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_14 b9_14 b10_14 {r_wire}
cbl9_14 b10_14 vss {c_wire}
x9_14 wbl14 wwl9 wwlb9 rwl9_15 rwlb9_15 b10_14 sn9_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_14 b10_14 b11_14 {r_wire}
cbl10_14 b11_14 vss {c_wire}
x10_14 wbl14 wwl10 wwlb10 rwl10_15 rwlb10_15 b11_14 sn10_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_14 b11_14 b12_14 {r_wire}
cbl11_14 b12_14 vss {c_wire}
x11_14 wbl14 wwl11 wwlb11 rwl11_15 rwlb11_15 b12_14 sn11_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_14 b12_14 b13_14 {r_wire}
cbl12_14 b13_14 vss {c_wire}
x12_14 wbl14 wwl12 wwlb12 rwl12_15 rwlb12_15 b13_14 sn12_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_14 b13_14 b14_14 {r_wire}
cbl13_14 b14_14 vss {c_wire}
x13_14 wbl14 wwl13 wwlb13 rwl13_15 rwlb13_15 b14_14 sn13_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_14 b14_14 b15_14 {r_wire}
cbl14_14 b15_14 vss {c_wire}
x14_14 wbl14 wwl14 wwlb14 rwl14_15 rwlb14_15 b15_14 sn14_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_14 b15_14 b16_14 {r_wire}
cbl15_14 b16_14 vss {c_wire}
x15_14 wbl14 wwl15 wwlb15 rwl15_15 rwlb15_15 b16_14 sn15_14 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl0_15 bl15 b1_15 {r_wire}
cbl0_15 b1_15 vss {c_wire}
x0_15 wbl15 wwl0 wwlb0 rwl0_16 rwlb0_16 b1_15 sn0_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl1_15 b1_15 b2_15 {r_wire}
cbl1_15 b2_15 vss {c_wire}
x1_15 wbl15 wwl1 wwlb1 rwl1_16 rwlb1_16 b2_15 sn1_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl2_15 b2_15 b3_15 {r_wire}
cbl2_15 b3_15 vss {c_wire}
x2_15 wbl15 wwl2 wwlb2 rwl2_16 rwlb2_16 b3_15 sn2_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl3_15 b3_15 b4_15 {r_wire}
cbl3_15 b4_15 vss {c_wire}
x3_15 wbl15 wwl3 wwlb3 rwl3_16 rwlb3_16 b4_15 sn3_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl4_15 b4_15 b5_15 {r_wire}
cbl4_15 b5_15 vss {c_wire}
x4_15 wbl15 wwl4 wwlb4 rwl4_16 rwlb4_16 b5_15 sn4_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl5_15 b5_15 b6_15 {r_wire}
cbl5_15 b6_15 vss {c_wire}
x5_15 wbl15 wwl5 wwlb5 rwl5_16 rwlb5_16 b6_15 sn5_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl6_15 b6_15 b7_15 {r_wire}
cbl6_15 b7_15 vss {c_wire}
x6_15 wbl15 wwl6 wwlb6 rwl6_16 rwlb6_16 b7_15 sn6_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl7_15 b7_15 b8_15 {r_wire}
cbl7_15 b8_15 vss {c_wire}
x7_15 wbl15 wwl7 wwlb7 rwl7_16 rwlb7_16 b8_15 sn7_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl8_15 b8_15 b9_15 {r_wire}
cbl8_15 b9_15 vss {c_wire}
x8_15 wbl15 wwl8 wwlb8 rwl8_16 rwlb8_16 b9_15 sn8_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl9_15 b9_15 b10_15 {r_wire}
cbl9_15 b10_15 vss {c_wire}
x9_15 wbl15 wwl9 wwlb9 rwl9_16 rwlb9_16 b10_15 sn9_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn} w_wp={w_wp}
+ l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl10_15 b10_15 b11_15 {r_wire}
cbl10_15 b11_15 vss {c_wire}
x10_15 wbl15 wwl10 wwlb10 rwl10_16 rwlb10_16 b11_15 sn10_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl11_15 b11_15 b12_15 {r_wire}
cbl11_15 b12_15 vss {c_wire}
x11_15 wbl15 wwl11 wwlb11 rwl11_16 rwlb11_16 b12_15 sn11_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl12_15 b12_15 b13_15 {r_wire}
cbl12_15 b13_15 vss {c_wire}
x12_15 wbl15 wwl12 wwlb12 rwl12_16 rwlb12_16 b13_15 sn12_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl13_15 b13_15 b14_15 {r_wire}
cbl13_15 b14_15 vss {c_wire}
x13_15 wbl15 wwl13 wwlb13 rwl13_16 rwlb13_16 b14_15 sn13_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl14_15 b14_15 b15_15 {r_wire}
cbl14_15 b15_15 vss {c_wire}
x14_15 wbl15 wwl14 wwlb14 rwl14_16 rwlb14_16 b15_15 sn14_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
rbl15_15 b15_15 b16_15 {r_wire}
cbl15_15 b16_15 vss {c_wire}
x15_15 wbl15 wwl15 wwlb15 rwl15_16 rwlb15_16 b16_15 sn15_15 vdd vss gain_cell c_store={c_store} w_wn={w_wn}
+ w_wp={w_wp} l_w={l_w} w_rn={w_rn} l_rn={l_rn} w_rp={w_rp} l_rp={l_rp} w_sw={w_sw} l_sw={l_sw}
.ends sub_array_16x16
