// Reads the mark of nvr/sim/mark out of a canvas' ImageData (or anything with width, height and RGBA data).
// Geometry and bits are described in doc.go beside this file. Returns {camera, frame}, or null when there is no mark.
export function readMark(image) {
  const columns = 32;
  const rows = 2;
  const rowsPerPicture = 36;
  const { width: w, height: h, data } = image;
  if (w < columns || h < rowsPerPicture) return null;

  const middleHalf = (i, size, n) => {
    const from = Math.ceil(((4 * i + 1) * size - 2 * n) / (4 * n));
    const to = Math.ceil(((4 * i + 3) * size - 2 * n) / (4 * n));
    if (to > from) return [from, to];
    const middle = Math.floor(((2 * i + 1) * size) / (2 * n));
    return [middle, middle + 1];
  };

  const cells = [];
  for (let r = 0; r < rows; r++) {
    const [y0, y1] = middleHalf(r, h, rowsPerPicture);
    for (let i = 0; i < columns; i++) {
      const [x0, x1] = middleHalf(i, w, columns);
      let sum = 0;
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) {
          const p = 4 * (y * w + x);
          sum += 0.299 * data[p] + 0.587 * data[p + 1] + 0.114 * data[p + 2];
        }
      }
      cells.push(sum / ((x1 - x0) * (y1 - y0)));
    }
  }

  const lo = Math.min(...cells);
  const hi = Math.max(...cells);
  if (hi - lo < 48) return null;
  const middle = (lo + hi) / 2;
  const doubt = (hi - lo) / 10;
  const bytes = new Uint8Array(8);
  for (const [n, v] of cells.entries()) {
    if (v >= middle - doubt && v <= middle + doubt) return null;
    if (v > middle) bytes[n >> 3] |= 0x80 >> (n & 7);
  }

  let crc = 0xffff;
  for (let n = 0; n < 6; n++) {
    crc ^= bytes[n] << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
    }
  }
  if (crc !== ((bytes[6] << 8) | bytes[7])) return null;
  return {
    camera: (bytes[0] << 8) | bytes[1],
    frame: bytes[2] * 0x1000000 + ((bytes[3] << 16) | (bytes[4] << 8) | bytes[5]),
  };
}
