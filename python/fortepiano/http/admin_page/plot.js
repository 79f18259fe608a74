// Small plots of the last two minutes, as SVG.

const POINTS = 120;
const WIDTH = 240;
const HEIGHT = 48;
const SVG = "http://www.w3.org/2000/svg";

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** One number and its last values. */
export class Plot {
  /** @param {string} title @param {string} [unit] behind the number */
  constructor(title, unit = "") {
    this.unit = unit;
    this.values = [];
    this.element = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    this.number = document.createElement("output");
    this.number.textContent = "–";
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("aria-hidden", "true");
    this.area = document.createElementNS(SVG, "path");
    this.svg.append(this.area);
    this.element.append(caption, this.number, this.svg);
  }

  /** Add the newest value. */
  add(value) {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    this.number.textContent = short.format(value) + this.unit;
    const top = Math.max(...this.values, 1e-9);
    const first = POINTS - this.values.length;
    const points = this.values.map(
      (one, index) => `${(((first + index) * WIDTH) / (POINTS - 1)).toFixed(1)},${(HEIGHT - 2 - (one / top) * (HEIGHT - 6)).toFixed(1)}`,
    );
    const left = ((first * WIDTH) / (POINTS - 1)).toFixed(1);
    this.area.setAttribute("d", `M${left},${HEIGHT} L${points.join(" L")} L${WIDTH},${HEIGHT} Z`);
  }
}
