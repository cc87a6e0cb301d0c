// Replaces the parts of a page that changed, and sends forms in place. Every page works without it.
//
// data-live    a part that is read again when the page's events say that something changed
// data-part    a part that the answer to a form of the page replaces
// data-send    a form that is sent in place; its value names the part to which the focus goes
// data-again   a form that is sent in place as soon as it is there: the next step of a long act
// data-copy    a button that copies the field with this id
// data-events  the path of the page's events
// data-sets    a slider that sets the field with this id; data-steps has the numbers of its steps, and the step after them
//              empties the field
// data-read    on a part: the path where the page is read again, if the page was the answer to a form
//
// A part has an id, and is on the page even if it is empty.
'use strict';

(() => {
  // The only place that turns a text into markup: the answers of this service, which escapes every value.
  const rules = { createHTML: (text) => text };
  const policy = window.trustedTypes ? window.trustedTypes.createPolicy('lethe', rules) : rules;
  const parse = (text) => new DOMParser().parseFromString(policy.createHTML(text), 'text/html');

  const HTML = { headers: { accept: 'text/html' }, credentials: 'same-origin' };
  // Asks for the part as the page that holds the form shows it.
  const PART = { ...HTML, headers: { ...HTML.headers, 'lethe-part': 'true' } };
  const AGAIN = 10000;
  const EDITED = 'input:not([type=hidden]), select, textarea';
  const FOCUSABLE = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';

  const message = document.getElementById('message');
  // A message about reading goes when the page is read again. One about a form stays.
  let isAboutReading = false;
  const say = (text, aboutReading = false) => {
    message.textContent = text;
    isAboutReading = aboutReading;
  };

  const localise = (root) => {
    for (const time of root.querySelectorAll('time[datetime]')) {
      const at = new Date(time.dateTime);
      time.title = time.textContent;
      time.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
    }
  };

  // Returns the value that a field or a choice had when its part was read.
  const valueAsRead = (field) => {
    if (!field.matches('select')) return field.defaultValue;
    const options = [...field.options];
    return (options.find((option) => option.defaultSelected) ?? options[0])?.value;
  };

  // Keeps the values that the reader has entered into the fields of a part, and has not sent.
  const keep = (old, fresh) => {
    for (const field of old.querySelectorAll('input[id]:not([type=file]), select[id]')) {
      const same = fresh.querySelector(`#${CSS.escape(field.id)}`);
      if (!same || field.value === valueAsRead(field)) continue;
      same.value = field.value;
      if (field.ariaValueText) same.ariaValueText = field.ariaValueText;
    }
  };

  // Puts one part in place of another, and keeps what the reader has opened, scrolled or focused.
  const swap = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    const active = document.activeElement;
    const isInside = active !== old && old.contains(active);
    if (isInside && active.matches(EDITED) && active.id && fresh.querySelector(`#${CSS.escape(active.id)}`)) return;
    const place = isInside ? [...old.querySelectorAll(FOCUSABLE)].indexOf(active) : -1;
    for (const details of old.querySelectorAll('details[id][open]')) {
      const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
      if (same) same.open = true;
    }
    const scrolled = [...old.querySelectorAll('.scroll')].map((area) => area.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll('.scroll').forEach((area, at) => {
      area.scrollLeft = scrolled[at] || 0;
    });
    const focus = fresh.querySelectorAll(FOCUSABLE)[place];
    if (focus) focus.focus({ preventScroll: true });
  };

  const replace = (page, selector, isSent = false) => {
    localise(page);
    for (const old of document.querySelectorAll(selector)) {
      const fresh = old.id && page.getElementById(old.id);
      if (fresh && !isSent) keep(old, fresh);
      if (fresh) swap(old, document.adoptNode(fresh));
    }
    document.body.dataset.events = page.body.dataset.events || '';
  };

  const isHere = (url) => new URL(url).pathname === location.pathname;

  // Reading the page again: one reading at a time, and none while nobody looks.
  let isReading = false;
  let isStale = false;
  const read = async () => {
    if (isReading || document.hidden) {
      isStale = true;
      return;
    }
    isReading = true;
    isStale = false;
    try {
      const part = document.querySelector('[data-read]');
      const response = await (part ? fetch(part.dataset.read, PART) : fetch(location.href, HTML));
      if (response.redirected && !isHere(response.url)) {
        location.assign(response.url);
      } else if (response.ok) {
        replace(parse(await response.text()), '[data-live]');
        if (isAboutReading) say('');
      } else {
        say('The page could not be read again. It is tried again soon.', true);
      }
    } catch {
      say('The service does not answer. It is tried again soon.', true);
    }
    isReading = false;
    if (!document.body.dataset.events) close();
    if (isStale && !document.hidden) setTimeout(read, 250);
  };

  let source = null;
  const close = () => {
    if (source) source.close();
    source = null;
  };
  const listen = () => {
    const path = document.body.dataset.events;
    if (!path) return;
    source = new EventSource(path);
    source.addEventListener('changed', read);
    source.addEventListener('error', () => {
      // A browser connects again by itself, unless the answer was no stream.
      if (!source || source.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(async () => {
        await read();
        listen();
      }, AGAIN);
    });
  };

  const send = async (form, button) => {
    form.setAttribute('aria-busy', 'true');
    try {
      const body = new URLSearchParams(new FormData(form, button));
      const sent = [...form.querySelectorAll('input[id]:not([type=file])')].map((field) => [field, field.value]);
      const response = await fetch(form.action, { ...HTML, method: 'POST', body });
      const page = parse(await response.text());
      if (!response.ok) {
        const problem = page.getElementById('problem');
        say(problem ? problem.textContent : 'The form could not be sent.');
      } else if (response.redirected && !isHere(response.url)) {
        location.assign(response.url);
      } else {
        say('');
        // A part that stays under the focus keeps its fields: a value that was sent is no longer unsent.
        for (const [field, value] of sent) field.defaultValue = value;
        replace(page, '[data-live], [data-part]', true);
        const part = form.dataset.send && document.getElementById(form.dataset.send);
        if (part) part.focus();
        if (!source) listen();
        const again = document.querySelector('form[data-again]');
        if (again) setTimeout(() => send(again));
      }
    } catch {
      say('The service does not answer. Nothing is known about this form: load the page again.');
    }
    form.removeAttribute('aria-busy');
  };

  document.addEventListener('submit', (event) => {
    const form = event.target;
    if (!form.matches('[data-send]')) return;
    event.preventDefault();
    if (!form.hasAttribute('aria-busy')) send(form, event.submitter);
  });

  // A slider and its field follow each other. Only the field is sent.
  const join = (slider, field, isMoved) => {
    const steps = slider.dataset.steps.split(' ').map(Number);
    if (isMoved) field.value = steps[slider.value] ?? '';
    else if (field.value.trim() === '') slider.value = steps.length;
    else slider.value = Math.min(steps.filter((step) => step < Number(field.value)).length, steps.length - 1);
    slider.ariaValueText = field.value.trim() === '' ? 'no limit' : `${field.value} a second`;
  };

  document.addEventListener('input', (event) => {
    const field = event.target;
    const isMoved = field.matches('[data-sets]');
    const slider = isMoved ? field : field.id && document.querySelector(`[data-sets="${CSS.escape(field.id)}"]`);
    if (!slider) return;
    // A part is not replaced under a slider that has the focus. Some browsers give it none when it is dragged.
    if (isMoved) slider.focus();
    join(slider, document.getElementById(slider.dataset.sets), isMoved);
  });

  // Without a secure origin there is no clipboard: then the text is selected, for the reader to copy.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = 'Copied';
    } catch {
      field.focus();
    }
  });

  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && isStale) read();
  });

  localise(document);
  listen();
})();
