// Selects of the write DAC's level switches for one element: one-hot while `enable`, else none.
module write_level_select #(parameter LEVELS = 8, BITS = 3) (
    input enable, input [BITS-1:0] level, output [LEVELS-1:0] select
);
    genvar i;
    generate
        for (i = 0; i < LEVELS; i = i + 1) begin : switches
            assign select[i] = enable & (level == i);
        end
    endgenerate
endmodule
