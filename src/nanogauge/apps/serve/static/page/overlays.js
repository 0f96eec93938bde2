// Draws what lies over picture and outlines: region, scale bar, the tool in hand.

// What is not measured: data bar and beyond the rectangle greyed, excluded areas hatched.
export function drawRegion(context, bench, camera, width, height) {
  const { frame, region, shape } = bench.state;
  const shade = (y0, x0, y1, x1, style) => {
    if (y1 <= y0 || x1 <= x0) return;
    const [a, b] = camera.toScreen(x0 - 0.5, y0 - 0.5), [c, d] = camera.toScreen(x1 - 0.5, y1 - 0.5);
    context.fillStyle = style;
    context.fillRect(a, b, c - a, d - b);
  };
  const [h, w] = shape;
  const grey = "rgba(12, 18, 26, 0.42)";
  shade(0, 0, frame[0], w, grey);
  shade(frame[2], 0, h, w, grey);
  const r = region.rectangle;
  if (r) {
    shade(frame[0], 0, r[0], w, grey);
    shade(r[2], 0, frame[2], w, grey);
    shade(Math.max(r[0], frame[0]), 0, Math.min(r[2], frame[2]), r[1], grey);
    shade(Math.max(r[0], frame[0]), r[3], Math.min(r[2], frame[2]), w, grey);
    const [a, b] = camera.toScreen(r[1] - 0.5, r[0] - 0.5), [c, d] = camera.toScreen(r[3] - 0.5, r[2] - 0.5);
    context.strokeStyle = "#f0e442";
    context.lineWidth = 1.5;
    context.setLineDash([8, 4]);
    context.strokeRect(a, b, c - a, d - b);
    context.setLineDash([]);
  }
  for (const ring of region.excluded) {
    const path = new Path2D();
    ring.forEach(([y, x], i) => {
      const [sx, sy] = camera.toScreen(x, y);
      if (i) path.lineTo(sx, sy);
      else path.moveTo(sx, sy);
    });
    path.closePath();
    context.fillStyle = hatch(context);
    context.fill(path);
    context.strokeStyle = "#ff7a45";
    context.lineWidth = 1.5;
    context.stroke(path);
  }
  const bar = bench.state.frame;
  if (bar[2] < h || bar[0] > 0) {
    const y = bar[2] < h ? bar[2] : bar[0];
    const [, sy] = camera.toScreen(0, y - 0.5);
    context.strokeStyle = "rgba(255, 255, 255, 0.65)";
    context.lineWidth = 1;
    context.setLineDash([4, 4]);
    context.beginPath();
    const [a] = camera.toScreen(-0.5, 0), [b] = camera.toScreen(w - 0.5, 0);
    context.moveTo(a, sy);
    context.lineTo(b, sy);
    context.stroke();
    context.setLineDash([]);
    const text = "data bar: not measured";
    context.font = "11px system-ui, sans-serif";
    const wide = context.measureText(text).width;
    const x = Math.max(a, 0) + 6, top = bar[2] < h ? sy + 4 : sy - 20;
    context.fillStyle = "rgba(0, 0, 0, 0.7)";
    context.fillRect(x - 4, top, wide + 8, 16);
    context.fillStyle = "#ffffff";
    context.fillText(text, x, top + 12);
  }
}

let pattern = null;
function hatch(context) {
  if (pattern) return pattern;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 10;
  const c = tile.getContext("2d");
  c.fillStyle = "rgba(12, 18, 26, 0.35)";
  c.fillRect(0, 0, 10, 10);
  c.strokeStyle = "rgba(255, 122, 69, 0.75)";
  c.lineWidth = 1.2;
  c.beginPath();
  for (const o of [-10, 0, 10]) {
    c.moveTo(o, 10);
    c.lineTo(o + 10, 0);
  }
  c.stroke();
  return (pattern = context.createPattern(tile, "repeat"));
}

export function drawBar(context, ends, label, camera) {
  const points = ends.map(([y, x]) => camera.toScreen(x, y));
  const [[ax, ay], [bx, by]] = points;
  for (const [style, wide] of [["rgba(0,0,0,.7)", 6], ["#56b4e9", 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(ax, ay);
    context.lineTo(bx, by);
    context.stroke();
  }
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.fillStyle = "rgba(86, 180, 233, 0.35)";
    context.fill();
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.8;
    context.stroke();
    context.beginPath();
    context.moveTo(x - 4, y);
    context.lineTo(x + 4, y);
    context.moveTo(x, y - 4);
    context.lineTo(x, y + 4);
    context.lineWidth = 1;
    context.stroke();
  }
  if (label) {
    context.font = "600 12px system-ui, sans-serif";
    const wide = context.measureText(label).width;
    const x = (ax + bx) / 2 - wide / 2, y = Math.min(ay, by) - 16;
    context.fillStyle = "rgba(0,0,0,.78)";
    context.beginPath();
    context.roundRect(x - 6, y - 13, wide + 12, 19, 4);
    context.fill();
    context.fillStyle = "#9fd8f7";
    context.fillText(label, x, y + 1);
  }
}

// The scale bar that was found, dashed where it was refused.
export function drawBarFound(context, bar, camera) {
  const [y0, x0, y1, x1] = bar.box_y0_x0_y1_x1;
  const [a, b] = camera.toScreen(x0 - 0.5, y0 - 0.5), [c, d] = camera.toScreen(x1 - 0.5, y1 - 0.5);
  context.strokeStyle = "#56b4e9";
  context.lineWidth = 1.5;
  context.setLineDash(bar.refused ? [4, 3] : []);
  context.strokeRect(a - 3, b - 3, c - a + 6, d - b + 6);
  context.setLineDash([]);
}

// A stroke under way; at: where the pointer is, brush: its radius in px of the picture.
export function drawStroke(context, stroke, camera, { at, brush }) {
  const points = stroke.points.map(([y, x]) => camera.toScreen(x, y));
  if (stroke.kind === "box" || stroke.kind === "rectangle") {
    const [a, b] = [points[0], points[points.length - 1]];
    context.strokeStyle = "#f0e442";
    context.lineWidth = 1.5;
    context.setLineDash([6, 4]);
    context.strokeRect(a[0], a[1], b[0] - a[0], b[1] - a[1]);
    context.setLineDash([]);
    return;
  }
  if (stroke.kind === "line") points.splice(1, points.length - 2); // straight, from the first to where the pointer is
  const broad = stroke.kind === "brush" || stroke.kind === "erase";
  context.lineJoin = context.lineCap = "round";
  context.strokeStyle = stroke.kind === "erase" ? "rgba(255,122,69,.5)" : broad ? "rgba(31,209,160,.5)" : "rgba(0,0,0,.6)";
  context.lineWidth = broad ? Math.max(2 * brush * camera.zoom, 1) : 4.5;
  const path = new Path2D();
  points.forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
  if (points.length === 1) path.lineTo(points[0][0] + 0.01, points[0][1]);
  if (stroke.open && at) path.lineTo(at[0], at[1]);
  if (stroke.kind === "redraw") path.lineTo(points[0][0], points[0][1]);
  context.stroke(path);
  if (!broad) {
    context.strokeStyle = stroke.kind === "split" ? "#ff7a45" : "#f0e442";
    context.lineWidth = 2;
    context.stroke(path);
  }
  if (!stroke.open) return;
  context.fillStyle = "#f0e442";
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(x, y, 3, 0, 7);
    context.fill();
  }
}

// Points clicked, and the circle or ellipse that they make with the pointer as the last; make: the ring of three points.
export function drawThree(context, points, pointer, make, camera) {
  const all = pointer && points.length < 3 ? [...points, [pointer[1], pointer[0]]] : points;
  const ring = make(all) || (all.length === 2 ? all : null);
  context.strokeStyle = "#f0e442";
  context.lineWidth = 2;
  if (ring) {
    context.beginPath();
    ring.forEach(([y, x], i) => (i ? context.lineTo(...camera.toScreen(x, y)) : context.moveTo(...camera.toScreen(x, y))));
    context.closePath();
    context.stroke();
  }
  context.fillStyle = "#f0e442";
  for (const [y, x] of points) {
    context.beginPath();
    context.arc(...camera.toScreen(x, y), 4, 0, 7);
    context.fill();
  }
}

// The brush in place of the pointer.
export function drawBrush(context, at, radius, erases) {
  context.beginPath();
  context.arc(at[0], at[1], Math.max(radius, 1.5), 0, 7);
  context.strokeStyle = "rgba(0,0,0,.7)";
  context.lineWidth = 3;
  context.stroke();
  context.strokeStyle = erases ? "#ff7a45" : "#ffffff";
  context.lineWidth = 1.4;
  context.stroke();
}
