// Circles and ellipses by three points: methods of the picture's component.

const LEAST_POINTS = 48;

// The ring of a circle through three points, [[y, x] ...]; null where they lie on one line.
export function circleThrough([[ay, ax], [by, bx], [cy, cx]]) {
  const d = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by));
  const [a, b, c] = [ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy];
  const x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / d, y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / d;
  const r = Math.hypot(ax - x, ay - y);
  const longest = Math.max(Math.hypot(ax - bx, ay - by), Math.hypot(bx - cx, by - cy), Math.hypot(cx - ax, cy - ay));
  return Number.isFinite(r) && r < 50 * longest ? ringOf(y, x, r, r, 0) : null;
}

// The ring of an ellipse: the two ends of an axis, and a point as far from that axis as the ellipse is wide.
export function ellipseOn([[ay, ax], [by, bx], [cy, cx]]) {
  const half = Math.hypot(bx - ax, by - ay) / 2;
  const wide = Math.abs((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / (2 * half);
  return half > 0.5 && wide > 0.5 ? ringOf((ay + by) / 2, (ax + bx) / 2, half, wide, Math.atan2(by - ay, bx - ax)) : null;
}

function ringOf(y, x, a, b, angle) {
  const n = Math.min(Math.max(Math.ceil(2 * Math.PI * Math.max(a, b)), LEAST_POINTS), 2000); // about one a pixel of the rim
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return Array.from({ length: n }, (_, k) => {
    const [u, v] = [a * Math.cos((2 * Math.PI * k) / n), b * Math.sin((2 * Math.PI * k) / n)];
    return [y + u * s + v * c, x + u * c - v * s];
  });
}

export const threePoints = {
  // What three points make, the pointer being the third while only two are clicked
  ringSoFar(points) {
    if (points.length < 3) return null;
    return this.tool === "circle" ? circleThrough(points) : ellipseOn(points);
  },
  async finishThree() {
    const ring = this.ringSoFar(this.stroke.points);
    this.stroke = null;
    this.dirty("top");
    if (!ring) return this.$emit("refused", "these points make no such shape: click three that do not lie on one line");
    const one = this.bench.selection.size === 1 ? [...this.bench.selection] : null;
    await (one ? this.bench.edit("redraw", { labels: one, points: ring }) : this.bench.edit("polygon", { points: ring }));
  },
};
