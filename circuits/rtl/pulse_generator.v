// Query pulse of one row: `level` periods of clk wide, from the first rising edge after `run` on.

// A down-counter per row, whose clock stops at the end of the pulse.
module pulse_down_counter #(parameter BITS = 4) (
    input clk, input load, input run, input [BITS-1:0] level, output reg pulse
);
    reg [BITS-1:0] left;
    wire more = |left;
    wire gclk;
    clock_gate gate (.clk(clk), .en(load | (run & (more | pulse))), .gclk(gclk));
    always @(posedge gclk)
        if (load) begin
            left <= level;
            pulse <= 1'b0;
        end else begin
            left <= left - more;
            pulse <= more;
        end
endmodule

// Counter of the array, in Gray code: one line of the bus toggles per clock.
module pulse_gray_counter #(parameter BITS = 4) (
    input clk, input run, output reg [BITS-1:0] gray, output reg first
);
    reg [BITS-1:0] count;
    wire [BITS-1:0] next = run ? count + 1'b1 : {BITS{1'b0}};
    always @(posedge clk) begin
        count <= next;
        gray <= next ^ (next >> 1);
        first <= ~run;
    end
endmodule

// Row on the bus of `pulse_gray_counter`: the pulse ends when the bus shows the level that `store` has stored.
module pulse_gray_comparator #(parameter BITS = 4) (
    input clk, input store, input run, input first, input [BITS-1:0] level, input [BITS-1:0] gray,
    output reg pulse
);
    reg [BITS-1:0] code;
    always @(posedge store) code <= level ^ (level >> 1);
    always @(posedge clk) pulse <= run & (first | pulse) & (gray != code);
endmodule

// Pulses of all rows. SIGN: 0 unsigned queries; 1 two phases, a row pulses in the phase that has its sign; 2 mirrored
// rows, a negative query pulses the complementary row.
module pulse_generators #(parameter ROWS = 64, BITS = 4, GRAY = 0, SIGN = 0) (
    input clk, input load, input run, input phase, input [ROWS*BITS-1:0] level, input [ROWS-1:0] negative,
    output [ROWS-1:0] row, output [ROWS-1:0] complement
);
    wire [ROWS-1:0] pulse;
    wire [BITS-1:0] gray;
    wire first, gclk, store;
    clock_gate gate (.clk(clk), .en(load), .gclk(store));
    generate
        if (GRAY) begin : shared
            // Two more edges than `run` has: the last pulse ends, and the counter returns to 0.
            reg ran, ended;
            always @(posedge clk) begin
                ran <= run;
                ended <= ran;
            end
            clock_gate gate (.clk(clk), .en(load | run | ran | ended), .gclk(gclk));
            pulse_gray_counter #(.BITS(BITS)) counter (.clk(gclk), .run(run), .gray(gray), .first(first));
        end else begin : own
            assign gclk = clk;
            assign gray = {BITS{1'b0}};
            assign first = 1'b0;
        end
    endgenerate
    genvar r;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : rows
            wire sign;
            if (SIGN == 0) begin : unsigned_query
                assign sign = 1'b0;
            end else begin : signed_query
                reg stored;
                always @(posedge store) stored <= negative[r];
                assign sign = stored;
            end
            wire mine = run & (SIGN != 1 | sign == phase);
            if (GRAY) begin : comparator
                pulse_gray_comparator #(.BITS(BITS)) own (
                    .clk(gclk), .store(store), .run(mine), .first(first), .level(level[r*BITS +: BITS]),
                    .gray(gray), .pulse(pulse[r])
                );
            end else begin : counter
                pulse_down_counter #(.BITS(BITS)) own (
                    .clk(clk), .load(load), .run(mine), .level(level[r*BITS +: BITS]), .pulse(pulse[r])
                );
            end
            assign row[r] = pulse[r] & ~(SIGN == 2 & sign);
            assign complement[r] = pulse[r] & (SIGN == 2 & sign);
        end
    endgenerate
endmodule
