/* Attention maps drawn in the browser: the server sends all maps of an answer once, as bytes. */
(() => {
  const sayo = (window.sayo ??= {});
  // Dark violet - magenta - orange - pale yellow, as a lookup of 256 colours (rising lightness, so it reads in grey too).
  const STOPS = [[40, 11, 84], [137, 34, 106], [227, 89, 51], [249, 164, 10], [252, 255, 164]];
  const COLOURS = Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (STOPS.length - 1);
    const low = Math.min(Math.floor(place), STOPS.length - 2);
    return STOPS[low].map((from, channel) => Math.round(from + (STOPS[low + 1][channel] - from) * (place - low)));
  });

  sayo.bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

  /* maps: {height, width, tokens, steps, answer}, the last three base64 bytes, one map after the other. */
  sayo.Maps = class {
    constructor(maps) {
      this.height = maps.height;
      this.width = maps.width;
      this.cells = maps.height * maps.width;
      this.data = { token: sayo.bytes(maps.tokens), step: sayo.bytes(maps.steps), answer: sayo.bytes(maps.answer) };
    }

    count(kind) {
      return this.data[kind].length / this.cells;
    }

    at(kind, index) {
      if (index < 0 || index >= this.count(kind)) return null;
      return this.data[kind].subarray(index * this.cells, (index + 1) * this.cells);
    }
  };

  /* values: one byte a cell (255 is this map's largest); strength 0-1 is the largest opacity. */
  sayo.paint = (canvas, values, width, height, strength) => {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let i = 0; i < values.length; i++) {
      const [red, green, blue] = COLOURS[values[i]];
      image.data.set([red, green, blue, Math.round(strength * values[i])], 4 * i);
    }
    context.putImageData(image, 0, 0);
  };

  sayo.legend = () =>
    `linear-gradient(90deg, ${COLOURS.filter((_, i) => i % 51 === 0).map((c) => `rgb(${c})`).join(", ")})`;
})();
