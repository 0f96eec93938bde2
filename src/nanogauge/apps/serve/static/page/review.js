// Unsure particles one by one: methods of the picture's component. The list stands as it was when the review began, so that
// "3 of 12" means something; what is decided goes on to the next by itself.

import { FLAG_WORDS } from "./workbench.js";

export const review = {
  // Only what counts is asked about: what is left out changes no figure.
  unsure() {
    const found = [...this.bench.particles.values()].filter((p) => p.flags.includes("low_confidence") && p.kind !== "left_out");
    return found.sort((a, b) => a.confidence - b.confidence);
  },
  nextUnsure() {
    if (!this.review) {
      const labels = this.unsure().map((p) => p.label);
      if (!labels.length) return this.tell("no particle that counts is unsure");
      this.review = { labels, at: -1 };
    }
    this.stepReview(1);
  },
  stepReview(by) {
    const { labels } = this.review;
    let at = this.review.at + by;
    while (at >= 0 && at < labels.length && !this.bench.particles.has(labels[at])) at += by || 1; // merged or deleted meanwhile
    if (at >= labels.length) {
      this.review = null;
      this.bench.select([]);
      const left = this.unsure().length;
      return this.tell(left ? `${labels.length} seen, ${left} still unsure` : `all ${labels.length} seen: C marks the micrograph as checked`);
    }
    this.review = { labels, at: Math.max(at, 0) };
    this.bench.select([labels[this.review.at]]);
    this.reveal(labels[this.review.at]);
  },
  endReview() { this.review = null; },
  // The one that is asked about, where it is what is selected
  askedAbout() {
    const label = this.review?.labels[this.review.at];
    return label && this.bench.selection.size === 1 && this.bench.selection.has(label) ? label : 0;
  },
  reviewCard() {
    const p = this.review && this.bench?.particles.get(this.review.labels[this.review.at]);
    if (!p) return null;
    const others = p.flags.filter((f) => f !== "low_confidence").map((f) => FLAG_WORDS[f] || f);
    const tens = Math.round(10 * p.confidence);
    const settled = p.flags.includes("low_confidence") ? "" : "settled";
    const odds = `of ten like it ${tens === 10 ? "nearly all are" : tens < 1 ? "hardly one is" : tens === 1 ? "one is" : `${tens} are`} right`;
    return {
      where: `${this.review.at + 1} of ${this.review.labels.length}`, head: this.bench.length(p.d),
      why: [settled || `confidence ${p.confidence.toFixed(2)}: ${odds}`, ...others].join("; "),
    };
  },
};
