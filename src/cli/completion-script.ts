// The three shells' completion scripts, from one list of commands: no call back into the CLI while one types.

export interface Known {
  /** `[]` for sally itself, `['target', 'add']` for a subcommand. */
  path: string[];
  summary: string;
  children: string[];
  flags: string[];
}

export function completionScript(shell: 'bash' | 'zsh' | 'fish', known: Known[]): string {
  if (shell === 'fish') return fish(known);
  return shell === 'bash' ? bash(known) : zsh(known);
}

function bash(known: Known[]): string {
  return `# bash completion for sally
_sally() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -- ]] && return
    [[ $word == -* ]] && continue
    case "$at $word" in
${arms(known, (entry) => `      " ${entry.path.join(' ')}") at=" ${entry.path.join(' ')}" ;;`)}
    esac
  done
  local words=""
  case "$at" in
${words(known)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sally sally ./sally
`;
}

function zsh(known: Known[]): string {
  return `#compdef sally
_sally() {
  local at="" word
  local -a choices
  for word in "\${words[@]:1:CURRENT-2}"; do
    [[ $word == -- ]] && { _normal; return; }
    [[ $word == -* ]] && continue
    case "$at $word" in
${arms(known, (entry) => `      " ${entry.path.join(' ')}") at=" ${entry.path.join(' ')}" ;;`)}
    esac
  done
  local list=""
  case "$at" in
${words(known).replaceAll('words=', 'list=')}
  esac
  choices=(\${=list})
  compadd -a choices || _files
}
_sally "$@"
`;
}

function fish(known: Known[]): string {
  const lines = ['# fish completion for sally', 'complete -c sally -f'];
  for (const entry of known) {
    const [first, second] = entry.path;
    const children = entry.children;
    const condition =
      first === undefined
        ? '__fish_use_subcommand'
        : second !== undefined
          ? `__fish_seen_subcommand_from ${first}; and __fish_seen_subcommand_from ${second}`
          : `__fish_seen_subcommand_from ${first}${children.length === 0 ? '' : `; and not __fish_seen_subcommand_from ${children.join(' ')}`}`;
    for (const child of children) {
      const summary =
        known.find((other) => other.path.join(' ') === [...entry.path, child].join(' '))?.summary ?? '';
      lines.push(`complete -c sally -n '${condition}' -a ${child} -d '${summary.replaceAll("'", "\\'")}'`);
    }
    for (const flag of entry.flags) lines.push(`complete -c sally -n '${condition}' -l ${flag.slice(2)}`);
  }
  return `${lines.join('\n')}\n`;
}

function arms(known: Known[], arm: (entry: Known) => string): string {
  return known
    .filter((entry) => entry.path.length > 0)
    .map(arm)
    .join('\n');
}

function words(known: Known[]): string {
  return known
    .map((entry) => {
      const path = entry.path.length === 0 ? '' : ` ${entry.path.join(' ')}`;
      return `    "${path}") words="${[...entry.children, ...entry.flags].join(' ')}" ;;`;
    })
    .join('\n');
}
