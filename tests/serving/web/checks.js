// Checks of a page inside the browser. Test code only: the pages themselves have no scripts.
(() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const focusable = () => all("a[href], button, input, select, summary, [tabindex='0']");

  // Relative luminance of an sRGB colour, as defined by WCAG 2.2.
  const luminance = rgb => {
    const [r, g, b] = rgb.map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const colour = text => {
    const parts = text.match(/[\d.]+/g).map(Number);
    return parts.length < 4 ? [...parts, 1] : parts;
  };
  const over = (top, under) => under.map((value, place) => top[place] * top[3] + value * (1 - top[3]));
  const ground = element => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };

  return {
    // Texts with a contrast below 4.5 : 1.
    pale() {
      const found = [];
      for (const element of all("body *")) {
        const text = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.textContent).join("");
        if (!text.trim() || !element.getClientRects().length || element.closest("title")) continue;
        const style = getComputedStyle(element), under = ground(element);
        const ink = colour(element instanceof SVGElement ? style.fill : style.color);
        const [dark, light] = [luminance(over(ink, under)), luminance(under)].sort((a, b) => a - b);
        const ratio = (light + 0.05) / (dark + 0.05);
        if (ratio < 4.5) found.push(`${element.tagName} ${ratio.toFixed(2)} ${text.trim().slice(0, 30)}`);
      }
      return found;
    },

    // Fields that are too narrow for their placeholder.
    cut: () => all("input[placeholder]").filter(field => {
      const style = getComputedStyle(field), context = document.createElement("canvas").getContext("2d");
      context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      const room = field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      return context.measureText(field.placeholder).width > room;
    }).map(field => field.placeholder),

    // Cumulative layout shift; 0 is none.
    shift: () => new Promise(done => {
      let sum = 0;
      const observer = new PerformanceObserver(list => list.getEntries().forEach(entry => { sum += entry.value; }));
      observer.observe({type: "layout-shift", buffered: true});
      setTimeout(() => done(sum), 150);
    }),

    // Indexes of the elements that the Tab key should reach, in order; without the content of closed <details>.
    reachable: () => focusable()
      .map((element, number) => ({element, number}))
      .filter(({element}) => element.matches("summary") || !element.closest("details:not([open])"))
      .map(({number}) => number),
    focused: () => focusable().indexOf(document.activeElement),
    isOutlined() {
      const style = getComputedStyle(document.activeElement);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    },

    // Charts that are too small to read.
    tiny: () => all(".chart .plot").map(plot => plot.getBoundingClientRect())
      .filter(({width, height}) => width < 200 || height < 80)
      .map(({width, height}) => `${width} x ${height}`),

    // Problems for users of screen readers.
    problems() {
      const problems = [], say = (isWrong, text) => { if (isWrong) problems.push(text); };
      say(document.documentElement.lang !== "en", "no language");
      say(all("h1").length !== 1, "not exactly one h1");
      say(all("main").length !== 1 || all("header nav").length !== 1, "no landmarks");
      for (const cell of all("th")) say(!cell.scope, `a header without scope: ${cell.textContent}`);
      for (const field of all("input, select")) say(!field.labels.length, `a field without label: ${field.name}`);
      for (const link of all("a")) say(!link.textContent.trim(), `a link without text: ${link.href}`);
      for (const picture of all("svg")) {
        const isNamed = picture.closest("[aria-hidden=true]") || picture.getAttribute("aria-label");
        say(!isNamed, "a picture without a label");
      }
      const ids = all("[id]").map(element => element.id);
      say(new Set(ids).size !== ids.length, "a duplicate id");
      const levels = all("h1, h2, h3").map(element => Number(element.tagName[1]));
      say(levels.some((level, place) => place > 0 && level > levels[place - 1] + 1), "a skipped heading level");
      say(all("[style], script, iframe, img").length > 0, "elements that the policy forbids");
      return problems;
    },
  };
})()
