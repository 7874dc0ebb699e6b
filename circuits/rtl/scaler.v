// Affine scaler: y = a x + b in units of an output level, a and b with FRACTION bits after the point, rounded to the
// nearest level, of two nearest ones to the even one, and clipped to LOW .. HIGH. Two clocks from x to y.
module scaler #(parameter X = 8, A = 8, B = 8, FRACTION = 8, Y = 5, LOW = 0, HIGH = 15) (
    input clk, input signed [X-1:0] x, input signed [A-1:0] a, input signed [B-1:0] b, output reg signed [Y-1:0] y
);
    localparam WIDE = (X + A > B ? X + A : B) + 1;
    reg signed [WIDE-1:0] exact;
    wire signed [WIDE-1:0] floor = exact >>> FRACTION;
    wire [FRACTION-1:0] rest = exact[FRACTION-1:0];
    wire up = rest[FRACTION-1] & (floor[0] | (|rest[FRACTION-2:0]));
    wire signed [WIDE-1:0] level = floor + $signed({1'b0, up});
    always @(posedge clk) begin
        exact <= x * a + b;
        y <= level < LOW ? LOW : level > HIGH ? HIGH : level[Y-1:0];
    end
endmodule
