// Nothing short of certain is called so.
const percent = share => `${(share * 100).toFixed(share < .01 || share > .99 ? 1 : 0)} %`;
const signed = (number, digits) => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(digits);

function drawn(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** The probability as the model reads on, with what is above and below `middle` filled. */
function chart(probabilities, positive, middle) {
  const half = 100 - middle * 100;
  const last = probabilities.length - 1, wide = Math.max(last, 1);
  const x = place => place / wide * 1000, y = share => 100 - share * 100;
  const svg = drawn("svg", {viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img"});
  const label = `The probability of ${positive} goes from ${percent(probabilities[0])} to ${percent(probabilities[last])}.`;
  svg.setAttribute("aria-label", label);
  svg.append(drawn("rect", {class: "frame", x: 0, y: 0, width: 1000, height: 100}));
  const points = probabilities.map((share, place) => [x(place), y(share)]);
  for (const [name, clip] of [["above", Math.min], ["below", Math.max]]) {
    const edge = [];
    points.forEach(([at, height], place) => {
      // Where the line crosses the middle, so that neither side is filled beyond it.
      const before = points[place - 1];
      if (before && (before[1] - half) * (height - half) < 0) {
        edge.push([before[0] + (at - before[0]) * (half - before[1]) / (height - before[1]), half]);
      }
      edge.push([at, clip(height, half)]);
    });
    const around = [[0, half], ...edge, [x(last), half]];
    svg.append(drawn("polygon", {class: name, points: around.map(point => point.join()).join(" ")}));
  }
  svg.append(drawn("line", {class: "half", x1: 0, x2: 1000, y1: half, y2: half}));
  svg.append(drawn("polyline", {class: "path", points: points.map(point => point.join()).join(" ")}));
  const at = drawn("line", {class: "at", y1: 0, y2: 100});
  svg.append(at);
  return {svg, mark: place => ["x1", "x2"].forEach(end => at.setAttribute(end, x(place)))};
}

/**
 * An article on a text: the verdict, how it came about, and what each token adds to it.
 *
 * `one` is an explanation as JSON has it, with neurons; `name` begins the heading.
 */
function explained(one, [negative, positive], name) {
  const characters = Array.from(one.text), {tokens, neurons} = one;
  const token = place => characters.slice(tokens[place].start, tokens[place].end).join("");
  const names = one.class_names, two = names.length === 2;
  const ranked = names.map((each, place) => [each, one.probabilities[place]]).sort((a, b) => b[1] - a[1]);
  const article = make("article"), called = two ? one.label : `class ${one.label}`;
  article.append(make("h2", "", `${name} ${called}, ${percent(ranked[0][1])} sure`));
  if (!two) article.append(make("p", "soft", `Next: ${ranked.slice(1, 4).map(([each, share]) => `${each} (${percent(share)})`).join(", ")}.`));
  if (one.truncated) article.append(make("p", "soft", "The text is longer than the model reads."));

  // Of many classes none begins near one half: there the line is seen from where it begins.
  const line = chart([one.before, ...tokens.map(each => each.probability)], two ? positive : called, two ? .5 : one.before);
  const axis = make("div", "axis soft");
  axis.append(make("span", "", "before the first token"), make("span", "", two ? `above the middle: ${positive}, below: ${negative}` : `how likely ${called} is`), make("span", "", "in the end"));
  article.append(line.svg, axis);

  const controls = make("div", "controls"), slider = make("input"), colour = make("select");
  const play = make("button", "", "Read on");
  play.type = "button";
  Object.assign(slider, {type: "range", min: 0, max: tokens.length, step: 1});
  slider.value = tokens.length;
  colour.append(new Option("what each token adds to the verdict", "-1"));
  neurons.forEach((neuron, place) => colour.append(new Option(`neuron ${neuron.number}, which follows the verdict (${signed(neuron.correlation, 2)})`, place)));
  const grow = make("label", "grow"), chosen = make("label");
  grow.append("Read to ", slider);
  chosen.append("Colour: ", colour);
  controls.append(grow, play, chosen);
  const about = make("output"), text = make("div", "text");
  article.append(controls, about, text);

  const spans = [];
  let end = 0;
  tokens.forEach(({start, end: stop}, place) => {
    text.append(characters.slice(end, start).join(""));
    spans.push(make("span", "t", token(place)));
    spans[place].dataset.place = place;
    text.append(spans[place]);
    end = stop;
  });
  text.append(characters.slice(end).join(""));
  const legend = make("div", "legend");
  article.append(legend);

  /** What a token is coloured by; null if it isn't read. */
  const value = place => tokens[place].contribution === null ? null : colour.value < 0 ? tokens[place].contribution : neurons[colour.value].outputs[place];
  function paint() {
    const most = Math.max(1e-9, ...tokens.map((_, place) => Math.abs(value(place) ?? 0)));
    const shade = (element, v) => {
      element.className = v === null ? "t unread" : Math.abs(v) < most / 50 ? "t" : v < 0 ? "t neg" : "t pos";
      element.style.setProperty("--a", `${(Math.abs(v ?? 0) / most * 100).toFixed()}%`);
    };
    spans.forEach((span, place) => shade(span, value(place)));
    const marks = [-1, -.5, .5, 1].map(share => {
      const mark = make("span", "t", signed(share * most, 2));
      shade(mark, share * most);
      return mark;
    });
    const read = colour.value < 0 ? `for ${two ? negative : "another class"} and for ${two ? positive : called}, in log odds:` : "the neuron’s output:";
    legend.replaceChildren(make("span", "", read), ...marks, make("span", "unread", "not read"));
    go();
  }
  function go() {
    const read = Number(slider.value), place = read - 1;
    line.mark(read);
    spans.forEach((span, at) => span.classList.toggle("now", at === place));
    if (!read) {
      about.textContent = `Before the first token: ${percent(one.before)} ${two ? positive : called}.`;
      return;
    }
    const v = value(place);
    const adds = v === null ? "not read" : colour.value < 0 ? `adds ${signed(v, 2)} in the end` : `the neuron is at ${signed(v, 2)}`;
    about.textContent = `After “${token(place)}”, ${read} of ${tokens.length}: ${percent(tokens[place].probability)} ${two ? positive : called}; ${adds}.`;
    slider.setAttribute("aria-valuetext", about.textContent);
  }
  let reading;
  function stop() {
    clearInterval(reading);
    play.textContent = "Read on";
  }
  play.addEventListener("click", () => {
    if (play.textContent === "Stop") return stop();
    if (Number(slider.value) === tokens.length) slider.value = 0;
    play.textContent = "Stop";
    // A review of any length in half a minute at most.
    const pause = Math.min(150, 30000 / Math.max(tokens.length, 1));
    go();
    reading = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      go();
      if (Number(slider.value) === tokens.length || !article.isConnected) stop();
    }, pause);
  });
  slider.addEventListener("input", () => { stop(); go(); });
  colour.addEventListener("change", paint);
  const moveTo = read => { stop(); slider.value = read; go(); };
  text.addEventListener("click", event => {
    const span = event.target.closest(".t");
    if (span) moveTo(Number(span.dataset.place) + 1);
  });
  line.svg.addEventListener("pointermove", event => {
    const box = line.svg.getBoundingClientRect();
    if (event.pointerType === "mouse" || event.buttons) moveTo(Math.round((event.clientX - box.left) / box.width * tokens.length));
  });
  paint();
  return article;
}

/** What the colours of several explanations mean. */
function legendText(found) {
  const [[negative, positive], ...others] = found.map(one => one.classes);
  // Of more than two classes each text has its own.
  const [against, named] = others.every(other => other[1] === positive) ? [negative, positive] : ["another class", "the class it is said to be"];
  return `Orange with a bar below: speaks for ${against}. Blue with a bar above: speaks for ${named}. The line shows the verdict as the model reads on; drag the slider, or click a word, to see how far it was then.`;
}

