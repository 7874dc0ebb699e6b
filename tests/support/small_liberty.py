"""A Liberty library small enough to check by hand: delays of 10 ps + 2 ps/fF, energies in whole fJ."""

from pathlib import Path

VDD = 1.0
PIN = 1.0
"""Capacitance of every input, fF."""
ENERGY = {
    "inv_x1": 1.0,
    "inv_x4": 4.0,
    "buf_x2": 4.0,
    "nand2_x1": 2.0,
    "nor2_x1": 3.0,
    "dff_x1": 5.0,
    "latch_x1": 2.0,
    "clkgate_x1": 6.0,
}
"""Internal energy of every toggle of the output, fJ."""
CLOCK_ENERGY = 0.5
"""Internal energy of every edge of a clock pin that does not toggle the output, fJ."""
LEAKAGE = 7.0
"""Leakage of every cell, nW."""
AREA = 2.0
"""Area of every cell, um2."""


def table(name, corners):
    rows = ", ".join(f'"{a}, {b}"' for a, b in corners)
    return f"{name} (grid) {{ values ({rows}); }}"


def timing(related, sense="negative_unate", kind=""):
    delay = [(12.0, 30.0), (12.0, 30.0)]  # at 1 and 10 fF
    tables = " ".join(
        table(name, delay) for name in ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
    )
    kind = f"timing_type : {kind};" if kind else f"timing_sense : {sense};"
    return f'timing () {{ related_pin : "{related}"; {kind} {tables} }}'


def power(value, related="", when=""):
    tables = " ".join(table(name, [(value, value)] * 2) for name in ("rise_power", "fall_power"))
    related = f'related_pin : "{related}";' if related else ""
    when = f'when : "{when}";' if when else ""
    return f"internal_power () {{ {related} {when} {tables} }}"


def pin(name, extra=""):
    return f"pin ({name}) {{ direction : input; capacitance : {PIN}; {extra} }}"


def gate(name, function, inputs):
    arcs = " ".join(timing(one) + power(ENERGY[name], one) for one in inputs)
    pins = " ".join(map(pin, inputs))
    return (
        f"cell ({name}) {{ area : {AREA}; cell_leakage_power : {LEAKAGE}; {pins} "
        f'pin (y) {{ direction : output; max_capacitance : 100; function : "{function}"; {arcs} }} }}'
    )


def small_liberty(folder: Path) -> Path:
    """Write the library into a folder; returns its path."""
    quiet = power(CLOCK_ENERGY, when="(d & q) | (!d & !q) | clk")
    # Set-up and hold, as scalars.
    limits = " ".join(
        f'timing () {{ related_pin : "clk"; timing_type : {kind}; '
        f'rise_constraint (scalar) {{ values ("{value}"); }} '
        f'fall_constraint (scalar) {{ values ("{value}"); }} }}'
        for kind, value in (("setup_rising", 20.0), ("hold_rising", 1.0))
    )
    arcs = timing("clk", kind="rising_edge") + power(ENERGY["dff_x1"], "clk")
    flop = (
        f"cell (dff_x1) {{ area : {AREA}; cell_leakage_power : {LEAKAGE}; "
        'ff (iq, iqn) { clocked_on : "clk"; next_state : "d"; } '
        f"{pin('d', limits)} {pin('clk', 'clock : true; ' + quiet)} "
        f'pin (q) {{ direction : output; max_capacitance : 100; function : "iq"; {arcs} }} }}'
    )
    arcs = timing("g", kind="rising_edge") + power(ENERGY["latch_x1"], "g")
    arcs += timing("d", "positive_unate") + power(ENERGY["latch_x1"], "d")
    latch = (
        f"cell (latch_x1) {{ area : {AREA}; cell_leakage_power : {LEAKAGE}; "
        'latch (iq, iqn) { enable : "g"; data_in : "d"; } '
        f"{pin('d')} {pin('g')} "
        f'pin (q) {{ direction : output; max_capacitance : 100; function : "iq"; {arcs} }} }}'
    )
    arcs = timing("clk", "positive_unate") + power(ENERGY["clkgate_x1"], "clk")
    gated = (
        f"cell (clkgate_x1) {{ area : {AREA}; cell_leakage_power : {LEAKAGE}; "
        "clock_gating_integrated_cell : latch_posedge; "
        f"{pin('en', 'clock_gate_enable_pin : true;')} "
        f"{pin('clk', 'clock : true; clock_gate_clock_pin : true;')} "
        f"pin (g) {{ direction : output; clock_gate_out_pin : true; max_capacitance : 100; {arcs} }} }}"
    )
    text = f"""/* small */ library (small) {{
  delay_model : table_lookup; time_unit : "1ps"; voltage_unit : "1V"; current_unit : "1uA";
  pulling_resistance_unit : "1kohm"; leakage_power_unit : "1nW"; capacitive_load_unit (1, ff);
  nom_voltage : {VDD}; nom_temperature : 27.0; nom_process : 1.0;
  slew_lower_threshold_pct_rise : 20; slew_upper_threshold_pct_rise : 80;
  slew_lower_threshold_pct_fall : 20; slew_upper_threshold_pct_fall : 80;
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;
  lu_table_template (grid) {{ variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("1, 100"); index_2 ("1, 10"); }}
  power_lut_template (grid) {{ variable_1 : input_transition_time; variable_2 : total_output_net_capacitance;
    index_1 ("1, 100"); index_2 ("1, 10"); }}
  {gate("inv_x1", "!a", "a")}
  {gate("inv_x4", "!a", "a")}
  {gate("buf_x2", "a", "a")}
  {gate("nand2_x1", "!(a & b)", "ab")}
  {gate("nor2_x1", "!(a | b)", "ab")}
  {flop}
  {latch}
  {gated}
}}
"""
    path = folder / "small.lib"
    path.write_text(text)
    return path
