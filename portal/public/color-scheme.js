// Sets the colour scheme before the first paint, so that a dark room stays dark. A file of its own because the
// content security policy allows no inline script. The key is the one that theme.ts names.
(() => {
  let choice = 'auto';
  try {
    choice = localStorage.getItem('sallyport-color-scheme') ?? 'auto';
  } catch {
    // Storage can be switched off; the system's preference then decides.
  }
  const dark =
    choice === 'dark' || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
