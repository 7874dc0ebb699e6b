// Division by the normalising column's sum: numerator / max(denominator, 1/2), truncated towards zero, with FRACTION
// bits after the point. A restoring division, one bit per clock: SUM + FRACTION clocks after `start`.
module divider #(parameter SUM = 9, FRACTION = 8, COUNT = 5) (
    input clk, input reset, input start, input signed [SUM-1:0] numerator, input signed [SUM-1:0] denominator,
    output signed [SUM+FRACTION:0] quotient, output busy
);
    localparam DIGITS = SUM + FRACTION;
    reg [COUNT-1:0] left;
    reg [DIGITS-1:0] digits;
    reg [SUM-1:0] remainder, divisor;
    reg minus;
    wire gclk;
    assign busy = |left;
    clock_gate gate (.clk(clk), .en(reset | start | busy), .gclk(gclk));
    wire [SUM-1:0] magnitude = numerator[SUM-1] ? -numerator : numerator;
    // In half counts, so that the smallest divisor, half a count, is 1.
    wire nothing = denominator[SUM-1] | ~(|denominator);
    wire [SUM:0] trial = {remainder, digits[DIGITS-1]} - {1'b0, divisor};
    always @(posedge gclk)
        if (reset) left <= {COUNT{1'b0}};
        else if (start) begin
            left <= DIGITS;
            digits <= {magnitude, {FRACTION{1'b0}}} << 1;
            remainder <= {SUM{1'b0}};
            divisor <= nothing ? {{SUM-1{1'b0}}, 1'b1} : {denominator[SUM-2:0], 1'b0};
            minus <= numerator[SUM-1];
        end else begin
            left <= left - 1'b1;
            digits <= {digits[DIGITS-2:0], ~trial[SUM]};
            remainder <= trial[SUM] ? {remainder[SUM-2:0], digits[DIGITS-1]} : trial[SUM-1:0];
        end
    assign quotient = minus ? -$signed({1'b0, digits}) : $signed({1'b0, digits});
endmodule
