// Clocks of one operation. Line i is high from RISE[i] to FALL[i], in half periods of clk after the rising edge that
// sees `start`; edges at odd half periods are made on falling edges of clk.
module sequencer #(parameter LINES = 2, BITS = 8, END = 60, parameter [LINES*BITS-1:0] RISE = 0, FALL = 0) (
    input clk, input reset, input start, output [LINES-1:0] line, output reg busy
);
    reg [BITS-2:0] tick;
    wire [BITS-2:0] next = busy ? tick + 1'b1 : {BITS-1{1'b0}};
    wire begins = start & ~busy;
    always @(posedge clk) begin
        busy <= ~reset & (begins | (busy & tick != END / 2));
        tick <= next;
    end
    genvar i;
    generate
        for (i = 0; i < LINES; i = i + 1) begin : lines
            sequencer_line #(.BITS(BITS), .RISE(RISE[i*BITS +: BITS]), .FALL(FALL[i*BITS +: BITS])) own (
                .clk(clk), .reset(reset), .moving(begins | busy), .next(next), .running(busy), .tick(tick),
                .line(line[i])
            );
        end
    endgenerate
endmodule

module sequencer_line #(parameter BITS = 8, parameter [BITS-1:0] RISE = 0, FALL = 2) (
    input clk, input reset, input moving, input [BITS-2:0] next, input running, input [BITS-2:0] tick, output line
);
    // Each flip-flop toggles; only one of them at a time, so their difference has no glitch.
    wire on_rising, on_falling;
    generate
        if (RISE[0] & FALL[0]) begin : no_rising
            assign on_rising = 1'b0;
        end else begin : rising
            reg state;
            wire toggle = (~RISE[0] & next == RISE[BITS-1:1]) | (~FALL[0] & next == FALL[BITS-1:1]);
            always @(posedge clk) state <= ~reset & (state ^ (moving & toggle));
            assign on_rising = state;
        end
        if (~RISE[0] & ~FALL[0]) begin : no_falling
            assign on_falling = 1'b0;
        end else begin : falling
            reg state;
            wire toggle = (RISE[0] & tick == RISE[BITS-1:1]) | (FALL[0] & tick == FALL[BITS-1:1]);
            always @(negedge clk) state <= ~reset & (state ^ (running & toggle));
            assign on_falling = state;
        end
    endgenerate
    assign line = on_rising ^ on_falling;
endmodule
