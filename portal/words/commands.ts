// Commands of the CLI as the portal offers them for pasting. Names are checked on the wire, so nothing needs quotes.

export const connectCommand = (target: string, task: string): string =>
  `./sally connect ${target} --task ${task}`;
export const VERIFY_COMMAND = './sally audit verify';
export const VERIFY_OFFLINE_COMMAND = './sally audit verify --offline sallyport-log.ndjson';
