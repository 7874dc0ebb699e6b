// Magnitude of a converter's pulse: number of rising edges of clk during the pulse.

// A counter per column, clocked during the pulse only.
module readout_counter #(parameter BITS = 4) (
    input clk, input clear, input pulse, output reg [BITS-1:0] magnitude
);
    wire gclk;
    clock_gate gate (.clk(clk), .en(clear | pulse), .gclk(gclk));
    always @(posedge gclk) magnitude <= clear ? {BITS{1'b0}} : magnitude + 1'b1;
endmodule

// A column on the bus of a Gray counter that all columns share: latches that follow the bus during the pulse and keep
// what it shows at its end. `clear` stores the bus at rest, which is 0. No clock reaches the column.
module readout_capture #(parameter BITS = 4) (
    input clear, input pulse, input [BITS-1:0] gray, output reg [BITS-1:0] code
);
    always @*
        if (clear | pulse) code = gray;
endmodule

// Counters of all columns of a sub-tile. With GRAY the magnitudes are in Gray code.
module readout_counters #(parameter COLUMNS = 64, BITS = 4, GRAY = 0) (
    input clk, input clear, input window, input [COLUMNS-1:0] pulse, output [COLUMNS*BITS-1:0] magnitude
);
    genvar c;
    generate
        if (GRAY) begin : shared
            reg [BITS-1:0] count, gray;
            wire [BITS-1:0] next = clear ? {BITS{1'b0}} : count + 1'b1;
            wire gclk;
            clock_gate gate (.clk(clk), .en(clear | window), .gclk(gclk));
            always @(posedge gclk) begin
                count <= next;
                gray <= next ^ (next >> 1);
            end
            for (c = 0; c < COLUMNS; c = c + 1) begin : columns
                readout_capture #(.BITS(BITS)) own (
                    .clear(clear), .pulse(pulse[c]), .gray(gray), .code(magnitude[c*BITS +: BITS])
                );
            end
        end else begin : own
            for (c = 0; c < COLUMNS; c = c + 1) begin : columns
                readout_counter #(.BITS(BITS)) own (
                    .clk(clk), .clear(clear), .pulse(pulse[c]), .magnitude(magnitude[c*BITS +: BITS])
                );
            end
        end
    endgenerate
endmodule
