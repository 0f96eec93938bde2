// The vertices of one outline, moved by hand: methods of the picture's component. All points of the outline stay where they are but
// those between the neighbours of the vertex that moves, so that mending one place changes no other.

import { simplified } from "./tools.js";

const REACH_PX = 9; // on the screen

// Whether the points of a ring that the other lacks lie on its last edge
function straight(ring, other) {
  const [[ay, ax], [by, bx]] = [other[other.length - 1], other[0]];
  const length = Math.hypot(by - ay, bx - ax) || 1, kept = new Set(other);
  return ring.every((p) => kept.has(p) || Math.abs((p[1] - ax) * (by - ay) - (p[0] - ay) * (bx - ax)) / length < 0.5);
}

export const nodes = {
  // Ring and vertices of the one particle selected; made anew where something else has changed it
  nodesNow() {
    if (this.tool !== "vertices" || this.bench.selection.size !== 1) return (this.shape = null);
    const p = this.bench.particles.get([...this.bench.selection][0]);
    if (!p) return (this.shape = null);
    if (this.shape?.seen === p.rings) return this.shape;
    const flat = p.rings[0], ring = [];
    for (let i = 0; i < flat.length; i += 2) ring.push([flat[i + 1], flat[i]]);
    const half = Math.floor(ring.length / 2); // a closed ring has no ends: each half is simplified by itself
    const tolerance = Math.max(0.6, 0.012 * p.d_px, 1.2 / this.camera.zoom);
    const kept = new Set([...simplified(ring.slice(0, half + 1), tolerance), ...simplified([...ring.slice(half), ring[0]], tolerance)]);
    this.shape = { label: p.label, seen: p.rings, ring, handles: ring.flatMap((point, i) => (kept.has(point) ? [i] : [])), held: -1 };
    return this.shape;
  },
  nodeAt(x, y) {
    const s = this.nodesNow();
    let best = -1, least = REACH_PX;
    s?.handles.forEach((i, k) => {
      const [sx, sy] = this.camera.toScreen(s.ring[i][1], s.ring[i][0]);
      const d = Math.hypot(sx - x, sy - y);
      if (d < least) [best, least] = [k, d];
    });
    return best;
  },
  // Where on the outline a point of the screen lies: the index after which a vertex would stand; -1 off the outline
  edgeAt(x, y) {
    const s = this.nodesNow();
    let best = -1, least = REACH_PX;
    for (let i = 0; s && i < s.ring.length; i++) {
      const [a, b] = [s.ring[i], s.ring[(i + 1) % s.ring.length]].map(([py, px]) => this.camera.toScreen(px, py));
      const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
      const t = Math.max(0, Math.min(1, ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy || 1)));
      const d = Math.hypot(a[0] + t * dx - x, a[1] + t * dy - y);
      if (d < least) [best, least] = [i, d];
    }
    return best;
  },
  addNode(x, y) {
    const after = this.edgeAt(x, y), s = this.shape;
    if (after < 0 || this.nodeAt(x, y) >= 0) return false;
    const [ix, iy] = this.camera.toImage(x, y);
    s.ring.splice(after + 1, 0, [iy, ix]);
    s.handles = s.handles.map((i) => (i > after ? i + 1 : i));
    s.handles.push(after + 1);
    s.handles.sort((a, b) => a - b);
    this.dirty("top");
    return true;
  },
  // The ring with the vertex k at `to`, or without it where `to` is null
  withNode(k, to) {
    const s = this.shape, n = s.handles.length;
    const before = s.handles[(k + n - 1) % n], after = s.handles[(k + 1) % n];
    const ring = [], handles = [], held = new Set(s.handles);
    for (let i = after, left = s.ring.length; left--; i = (i + 1) % s.ring.length) { // from the neighbour after it, all the way round
      if (held.has(i)) handles.push(ring.length);
      ring.push(s.ring[i]);
      if (i === before) break;
    }
    if (to) {
      handles.push(ring.length);
      ring.push(to);
    }
    return { ring, handles };
  },
  async sendNodes(next) {
    const s = this.shape;
    if (next.handles.length < 3) return this.$emit("refused", "an outline needs three vertices");
    if (next.ring.length < s.ring.length && straight(s.ring, next.ring)) { // a vertex on a straight edge: no pixel depends on it
      this.shape = { ...s, ...next, held: -1 };
      return this.dirty("top");
    }
    const answer = await this.bench.edit("vertices", { labels: [s.label], was: s.ring, points: next.ring });
    const p = answer && this.bench.particles.get(s.label);
    this.shape = p ? { ...next, label: s.label, seen: p.rings, held: -1 } : null;
    this.dirty("top");
  },
  drawNodes(c) {
    const s = this.nodesNow();
    if (!s) return;
    const moved = s.held >= 0 && s.to ? this.withNode(s.held, s.to) : s;
    c.lineWidth = 2;
    c.strokeStyle = "#f0e442";
    c.beginPath();
    moved.ring.forEach(([y, x], i) => { const [sx, sy] = this.camera.toScreen(x, y); if (i) c.lineTo(sx, sy); else c.moveTo(sx, sy); });
    c.closePath();
    c.stroke();
    for (const i of moved.handles) {
      const [sx, sy] = this.camera.toScreen(moved.ring[i][1], moved.ring[i][0]);
      c.fillStyle = "#10161d";
      c.fillRect(sx - 4.5, sy - 4.5, 9, 9);
      c.fillStyle = "#f0e442";
      c.fillRect(sx - 3, sy - 3, 6, 6);
    }
  },
};
