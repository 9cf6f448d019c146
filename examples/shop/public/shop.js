/* global document */
// A second click on a button would send its form twice.
for (const form of document.forms) {
  form.addEventListener('submit', () => form.querySelector('button').setAttribute('disabled', ''));
}
