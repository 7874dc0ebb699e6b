// Place of the newest key in the ring of WINDOW columns: sub-tile and column within it. `advance` follows the last use
// of a token's place. `active` marks the sub-tiles that hold keys.
module ring_pointer #(parameter TILES = 16, COLUMNS = 64, WINDOW = 1024, TILE_BITS = 4, COLUMN_BITS = 6) (
    input clk, input reset, input advance, output reg [TILE_BITS-1:0] tile, output reg [COLUMN_BITS-1:0] column,
    output reg full, output [TILES-1:0] active
);
    wire tile_end = column == COLUMNS - 1;
    wire ring_end = tile == TILES - 1 && column == (WINDOW - 1) % COLUMNS;
    wire gclk;
    clock_gate gate (.clk(clk), .en(reset | advance), .gclk(gclk));
    always @(posedge gclk) begin
        column <= (reset | tile_end | ring_end) ? {COLUMN_BITS{1'b0}} : column + 1'b1;
        tile <= (reset | ring_end) ? {TILE_BITS{1'b0}} : tile + tile_end;
        full <= ~reset & (full | ring_end);
    end
    genvar t;
    generate
        for (t = 0; t < TILES; t = t + 1) begin : tiles
            assign active[t] = full | (tile >= t);
        end
    endgenerate
endmodule

// Write word lines of all columns of the ring: that of the newest key while `write`.
module word_line_decoder #(parameter TILES = 16, COLUMNS = 64, WINDOW = 1024, TILE_BITS = 4, COLUMN_BITS = 6) (
    input write, input [TILE_BITS-1:0] tile, input [COLUMN_BITS-1:0] column, output [WINDOW-1:0] word_line
);
    wire [TILES-1:0] in_tile;
    wire [COLUMNS-1:0] in_column;
    genvar i;
    generate
        for (i = 0; i < TILES; i = i + 1) begin : tiles
            assign in_tile[i] = write & (tile == i);
        end
        for (i = 0; i < COLUMNS; i = i + 1) begin : columns
            assign in_column[i] = write & (column == i);
        end
        for (i = 0; i < WINDOW; i = i + 1) begin : lines
            assign word_line[i] = in_tile[i / COLUMNS] & in_column[i % COLUMNS];
        end
    endgenerate
endmodule
