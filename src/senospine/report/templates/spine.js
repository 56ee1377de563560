// The drawn spine's slider: marks appear at their own thresholds, as in the still pictures.
for (const figure of document.querySelectorAll(".spine")) {
  const {when, notes, values} = JSON.parse(figure.querySelector("script").textContent);
  const {layers, quantities, gauge} = spineTissue;
  const arms = [...figure.querySelectorAll("g.arm")];
  const slider = figure.querySelector("input"), output = figure.querySelector("output");
  const play = figure.querySelector(".play"), buttons = [...figure.querySelectorAll("[data-frame]")];
  const tenth = value => Number(value.toFixed(1));

  function ring(points, x, y, size, hole) {
    const p = [];
    for (let i = 0; i < points.length; i += 2) p.push([x + size * points[i], y + size * points[i + 1]]);
    if (hole) p.reverse();
    const middle = p.map((a, i) => { const b = p[(i + 1) % p.length]; return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]; });
    const last = middle[middle.length - 1];
    const at = ([a, b]) => `${tenth(a)} ${tenth(b)}`;
    return `M${at(last)}Q${at(p[0])} ${at(middle[0])}` + middle.slice(1).map(a => "T" + at(a)).join("") + "Z";
  }

  function cut(points, share) {
    let whole = 0;
    const lengths = [];
    for (let i = 2; i < points.length; i += 2)
      whole += lengths[lengths.push(Math.hypot(points[i] - points[i - 2], points[i + 1] - points[i - 1])) - 1];
    let left = share * whole, path = `M${tenth(points[0])} ${tenth(points[1])}`;
    for (let i = 2, k = 0; i < points.length && left > 0; i += 2, k++) {
      const part = Math.min(left / lengths[k], 1);
      path += `L${tenth(points[i - 2] + part * (points[i] - points[i - 2]))} ${tenth(points[i - 1] + part * (points[i + 1] - points[i - 1]))}`;
      left -= lengths[k];
    }
    return path;
  }

  function path(layer, value) {
    const {least, most} = quantities[layer.q], within = Math.min(Math.max(value, least), most);
    const drawn = layer.flip ? 100 - within : within;
    let text = "";
    for (const [low, high, x, y, rings] of layer.marks) {
      const share = Math.min(Math.max((drawn - low) / (high - low), 0), 1);
      if (share <= 0.003) continue;
      if (layer.line) text += cut(rings[0], share);
      else rings.forEach((points, index) => { text += ring(points, x, y, Math.sqrt(share), index > 0); });
    }
    return text;
  }

  function show(frame) {
    output.textContent = when[frame];
    slider.setAttribute("aria-valuetext", when[frame]);
    buttons.forEach(button => button.setAttribute("aria-pressed", Number(button.dataset.frame) === frame));
    arms.forEach((arm, index) => {
      const found = values[index].map(of => of[frame]);
      if (found[0][1] === null) return;
      const set = (name, key, value) => { const part = arm.querySelector("." + name); if (part) part.setAttribute(key, value); };
      arm.querySelector(".when").textContent = (notes[index] || [])[frame] || when[frame];
      for (const layer of layers) {
        const [low, middle, high] = found[layer.q];
        set("q-" + layer.name, "d", path(layer, middle));
        set("low-" + layer.name, "d", path(layer, low));
        set("high-" + layer.name, "d", path(layer, high));
      }
      quantities.forEach((item, q) => {
        const at = value => gauge.x + gauge.width * Math.min(Math.max(value / item.most, 0), 1);
        const y = gauge.top + gauge.row * q, end = gauge.x + gauge.width;
        const box = (x, top, width, height) => `M${x} ${top}h${width}v${height}h${-width}Z`;
        const [low, middle, high] = found[q];
        set("band-" + item.name, "d", box(at(low), y + 1, Math.max(at(high) - at(low), 0.8), 7));
        set("tick-" + item.name, "d", box(at(middle) - 1.1, y - 1, 2.2, 11));
        set("over-" + item.name, "d", high > item.most || low < item.least - 0.05 ? `M${end + 1} ${y}L${end + 6} ${y + 4.5}L${end + 1} ${y + 9}Z` : "");
        const [a, b, c] = [low, middle, high].map(value => value.toFixed(item.digits).replace(/^-(0(\.0+)?)$/, "$1"));
        const unit = item.unit === "fold" ? "" : " " + item.unit;
        arm.querySelector(".words-" + item.name).textContent = `${unit ? "" : "× "}${b}${unit} (${a}–${c})`;
      });
    });
  }

  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶ play"; play.setAttribute("aria-label", "play"); };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === Number(slider.max)) slider.value = 0;
    play.textContent = "❚❚ pause"; play.setAttribute("aria-label", "pause");
    show(Number(slider.value));
    timer = setInterval(() => {
      if (Number(slider.value) >= Number(slider.max)) return stop();
      slider.value = Number(slider.value) + 1;
      show(Number(slider.value));
    }, 260);
  });
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  buttons.forEach(button => button.addEventListener("click", () => { stop(); slider.value = button.dataset.frame; show(Number(slider.value)); }));
  figure.querySelector(".spine-controls").hidden = false;
}
