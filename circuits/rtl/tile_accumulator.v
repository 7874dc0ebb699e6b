// Sum of one column's read-outs over sub-tiles, one sub-tile per clock. `select` is one-hot, and zero while idle;
// `first` starts a new sum. With GRAY the magnitudes are in Gray code.
module tile_accumulator #(parameter BITS = 4, TILES = 16, SUM = 9, GRAY = 0) (
    input clk, input first, input [TILES-1:0] select, input [TILES-1:0] negative, input [TILES*BITS-1:0] magnitude,
    output reg signed [SUM-1:0] sum
);
    reg [BITS-1:0] chosen;
    integer t;
    always @* begin
        chosen = {BITS{1'b0}};
        for (t = 0; t < TILES; t = t + 1)
            chosen = chosen | (magnitude[t*BITS +: BITS] & {BITS{select[t]}});
    end
    wire [BITS-1:0] binary;
    genvar i;
    generate
        for (i = 0; i < BITS; i = i + 1) begin : code
            assign binary[i] = GRAY ? ^(chosen >> i) : chosen[i];
        end
    endgenerate
    wire minus = |(negative & select);
    wire [SUM-1:0] addend = {{SUM-BITS{1'b0}}, binary} ^ {SUM{minus}};
    wire gclk;
    clock_gate gate (.clk(clk), .en(first | (|select)), .gclk(gclk));
    always @(posedge gclk) sum <= (first ? {SUM{1'b0}} : sum) + addend + minus;
endmodule
