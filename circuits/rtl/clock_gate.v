// Clock gate: passes the high phases of clk in which en was high before the rising edge.
// Synthesis replaces it by the library's clock gate where there is one.
module clock_gate (input clk, input en, output gclk);
    reg enabled;
    always @*
        if (!clk) enabled = en;
    assign gclk = clk & enabled;
endmodule
