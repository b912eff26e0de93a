// Maps of the plane, 3 x 3, from the pixels of a file to those of the kept one.

export function mapped(matrix, x, y) {
  const [a, b, c] = matrix;
  const w = c[0] * x + c[1] * y + c[2];
  return [(a[0] * x + a[1] * y + a[2]) / w, (b[0] * x + b[1] * y + b[2]) / w];
}

export function inverse(matrix) {
  const [[a, b, c], [d, e, f], [g, h, i]] = matrix;
  const [A, B, C] = [e * i - f * h, f * g - d * i, d * h - e * g];
  const det = a * A + b * B + c * C;
  return [
    [A / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [B / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [C / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
}

/** The map of a file that shows the same as the kept one in another size. */
export function stretching(file, kept) {
  return [[kept.width / file.width, 0, 0], [0, kept.height / file.height, 0], [0, 0, 1]];
}

/** How many pixels of the kept file one of the file covers there, along a side. */
export function enlargement(matrix, x, y) {
  const [x0, y0] = mapped(matrix, x, y);
  const [x1, y1] = mapped(matrix, x + 1, y);
  const [x2, y2] = mapped(matrix, x, y + 1);
  return Math.sqrt(Math.abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)));
}

/**
 * The CSS transform that lays a file upon the kept one.
 *
 * The element of the file is `width` x `height` pixels of the page, and one pixel of the kept
 * file is `scale` of the page.
 */
export function cssTransform(matrix, file, width, height, scale) {
  const sx = file.width / width;
  const sy = file.height / height;
  const [a, b, c] = matrix;
  const columns = [
    [a[0] * sx * scale, b[0] * sx * scale, 0, c[0] * sx],
    [a[1] * sy * scale, b[1] * sy * scale, 0, c[1] * sy],
    [0, 0, 1, 0],
    [a[2] * scale, b[2] * scale, 0, c[2]],
  ];
  return `matrix3d(${columns.flat().join(",")})`;
}
