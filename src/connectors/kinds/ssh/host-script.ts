// What Sallyport runs on a host: one script for `sh`, sent on standard input with its arguments, which nothing on the
// host has to be installed for. It answers in lines `=key value`. Files are replaced by renaming, under one lock;
// everything is idempotent, because a verb may have been cut off anywhere before.

import { FOLDER, RUN_FOLDER } from './host-programs.ts';

/** Numbers of accounts made for grants: free by systemd's and useradd's conventions, taken in turn and not soon again. */
const FIRST_UID = 66_000;
const LAST_UID = 99_999;

const BASE = `set -u
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 022
say() { printf '=%s %s\\n' "$1" "$2"; }
fail() { printf '=fail %s %s\\n' "$1" "$2"; exit 0; }
lock() { exec 9>>'${FOLDER}/lock' && flock -w 10 9 || fail target-busy 'Another change on this host does not end.'; }
unlock() { exec 9>&-; }
field() { sed -n "s/^$2=//p" "${FOLDER}/grants/$1" 2>/dev/null | head -n 1; }
owner() { [ -e "${FOLDER}/grants/$1" ] || { echo nobody; return; }
  [ "$(field "$1" installation)" = "$installation" ] && [ "$(field "$1" epoch)" -le "$epoch" ] && echo us || echo other; }
account() { case $(getent passwd "$1" | cut -d : -f 5) in "sallyport $installation"*) true ;; *) false ;; esac; }
sudoers() { echo "/etc/sudoers.d/sallyport_$1"; }
prepared() { [ -d '${FOLDER}/grants' ] || fail host-not-prepared 'This host is not prepared: run a check, it prints what to paste.'; }
keyfiles() { home=$(getent passwd "$1" | cut -d : -f 6)
  cat "$home"/.ssh/authorized_keys "$home"/.ssh/authorized_keys2 "/var/spool/cron/crontabs/$1" "/var/spool/cron/$1" 2>/dev/null | sha256sum | cut -c 1-64; }
set_field() { sed "s/^$2=.*/$2=$3/" "${FOLDER}/grants/$1" >"${FOLDER}/grants/.$1" && mv -f "${FOLDER}/grants/.$1" "${FOLDER}/grants/$1"; }

# What of a grant runs now: connections that its certificates opened, what came of them, what bears its mark or its
# account's number, and what its account started as somebody else.
monitors() { for one in "${RUN_FOLDER}/connections/$1"/*; do
    [ -f "$one" ] || continue
    pid=\${one##*/}
    [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d ' ' -f 20)" = "$(cat "$one")" ] && echo "$pid"
  done; }
running() { seeds=$(monitors "$1")
  seeds="$seeds $(grep -lzx "SALLYPORT_GRANT=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3 | tr '\\n' ' ')"
  uid=-1
  if account "$1"; then uid=$(id -u "$1")
    seeds="$seeds $(grep -lzxE "SUDO_(USER=$1|UID=$uid)" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3 | tr '\\n' ' ')"
    seeds="$seeds $(grep -lx "$uid" /proc/[0-9]*/loginuid 2>/dev/null | cut -d / -f 3 | tr '\\n' ' ')"
  fi
  cat /proc/[0-9]*/status 2>/dev/null | awk -v seeds="$seeds" -v uid="$uid" '
    /^State:/ { dead = ($2 == "Z" || $2 == "X") }
    /^Pid:/ { pid = $2 }
    /^PPid:/ { parent[pid] = $2 }
    /^Uid:/ { if (!dead) { alive[pid] = 1; if ($2 == uid || $3 == uid || $4 == uid || $5 == uid) found[pid] = 1 } }
    END { count = split(seeds, all, " "); for (i = 1; i <= count; i++) found[all[i]] = 1
      do { more = 0; for (p in parent) if (!(p in found) && (parent[p] in found)) { found[p] = 1; more = 1 } } while (more)
      for (p in found) if ((p in alive) && p > 1) print p }'; }
ended=0
stop() { tries=0
  while [ $tries -lt 20 ]; do
    connected=$(monitors "$1" | wc -l)
    [ "$connected" -gt "$ended" ] && ended=$connected
    found=$(running "$1")
    [ -n "$found" ] || return 0
    if [ $tries -eq 0 ]; then kill -TERM $found 2>/dev/null; else kill -KILL $found 2>/dev/null; fi
    tries=$((tries + 1))
    sleep 0.1
  done
  return 1; }

publish_authorities() { [ -n "$1" ] || return 0
  printf '%s\\n' "$1" | cmp -s - "${FOLDER}/authorities.d/$installation.pub" && return 0
  printf '%s\\n' "$1" >"${FOLDER}/authorities.d/.$installation" && mv -f "${FOLDER}/authorities.d/.$installation" "${FOLDER}/authorities.d/$installation.pub"
  cat '${FOLDER}'/authorities.d/*.pub >'${FOLDER}/.authorities' && mv -f '${FOLDER}/.authorities' '${FOLDER}/authorities.pub'; }
# sshd reads it at each login; a certificate that has run out needs no entry any more.
publish_revoked() { now=$(date +%s); spec=
  for one in '${FOLDER}'/revocations/sp_*; do
    [ -f "$one" ] || continue
    if [ "$(cat "$one")" -lt "$now" ]; then rm -f "$one"; else spec="\${spec}id: \${one##*/}
"; fi
  done
  rm -f '${FOLDER}/.revoked'
  if [ -n "$spec" ]; then printf '%s' "$spec" | ssh-keygen -q -k -f '${FOLDER}/.revoked' -s none - 2>/dev/null || return 1
  else : >'${FOLDER}/.revoked'; fi
  chmod 644 '${FOLDER}/.revoked' && mv -f '${FOLDER}/.revoked' '${FOLDER}/revoked'; }

next_uid() { uid=$(cat '${FOLDER}/next-uid' 2>/dev/null || echo ${FIRST_UID}); tries=0
  while [ $tries -lt 1000 ]; do
    [ "$uid" -ge ${FIRST_UID} ] && [ "$uid" -le ${LAST_UID} ] || uid=${FIRST_UID}
    if ! getent passwd "$uid" >/dev/null && ! getent group "$uid" >/dev/null; then
      echo $((uid + 1)) >'${FOLDER}/next-uid'; echo "$uid"; return 0
    fi
    uid=$((uid + 1)); tries=$((tries + 1))
  done
  return 1; }
write_sudoers() { [ -n "$2" ] || { rm -f "$(sudoers "$1")"; return 0; }
  command -v visudo >/dev/null || fail sudo-missing 'sudo is not installed on this host.'
  end=$(date -u -d "@$3" +%Y%m%d%H%M%SZ)
  new="$(sudoers "$1").new"
  (umask 337; rm -f "$new"; printf '# Sallyport %s\\n%s\\n' "$installation" "$2" | sed "s/%until/$end/" >"$new")
  if visudo -c -q -f "$new" >/dev/null 2>&1; then mv -f "$new" "$(sudoers "$1")"
  else rm -f "$new"; fail sudo-rule-refused 'visudo does not take the rule of this task.'; fi; }
`;

const VERBS: Readonly<Record<string, string>> = {
  // login grant user groups seconds options sudo label commands authorities
  put: `prepared
lock
case $(owner "$1") in
  other) fail target-conflict 'This login belongs to another installation on the host.' ;;
  us) [ "$(field "$1" state)" != ended ] || fail target-conflict 'This grant has been ended on the host already.' ;;
esac
publish_authorities "\${10}"
seconds=$5; until=$(( $(date +%s) + seconds )); user=\${3:-$1}
before=
[ -z "$3" ] || { getent passwd "$3" >/dev/null || fail unknown-account "There is no account $3 on this host."; before=$(keyfiles "$3"); }
kept=$(field "$1" before)
{ printf 'installation=%s\\nepoch=%s\\ngrant=%s\\nstate=making\\nuser=%s\\nuntil=%s\\nbefore=%s\\n' "$installation" "$epoch" "$2" "$user" "$until" "\${kept:-$before}"
  printf 'options=%s\\nsudo=%s\\nlabel=%s\\n' "$6" "$7" "$8"; } >"${FOLDER}/grants/.$1"
mv -f "${FOLDER}/grants/.$1" "${FOLDER}/grants/$1"
printf '%s\\n' "$9" >"${FOLDER}/commands/.$1" && mv -f "${FOLDER}/commands/.$1" "${FOLDER}/commands/$1"
if [ -z "$3" ]; then
  if ! getent passwd "$1" >/dev/null; then
    uid=$(next_uid) || fail no-account-number 'No number for another account is free on this host.'
    # bash reads the account's own files also before a forced command: who may only copy would run what they copied.
    shell=/bin/sh
    case $6 in *,command=*) ;; *) [ ! -x /bin/bash ] || shell=/bin/bash ;; esac
    useradd -u "$uid" -U -m -d "/home/$1" -s "$shell" -p '*' -c "sallyport $installation $2" \\
      -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 \${4:+-G "$4"} "$1" >/dev/null 2>&1 ||
      fail account-not-made 'useradd does not make the account of this grant; do its groups exist?'
    chmod 700 "/home/$1"
  fi
  account "$1" || fail target-conflict 'There is an account of this name that is not ours.'
fi
write_sudoers "$1" "$7" "$until"
set_field "$1" state live
say observed present`,
  end: `left=
prepared
if [ "$(owner "$1")" = other ]; then say observed present; say blocker "The grant $1 on this host was made by another installation, or later than this store knows."; exit 0; fi
if [ "$(owner "$1")" = nobody ] && ! account "$1" && ! [ -e "$(sudoers "$1")" ]; then say ended 0; say observed absent; exit 0; fi
lock
user=$(field "$1" user); before=$(field "$1" before)
if [ "$(owner "$1")" = us ]; then
  set_field "$1" state ended
  until=$(field "$1" until); now=$(date +%s)
  [ "\${until:-0}" -gt "$now" ] || until=$now
  echo $((until + 86400)) >"${FOLDER}/revocations/$1"
fi
publish_revoked || say blocker 'ssh-keygen could not write the list of revoked certificates.'
rm -f "$(sudoers "$1")" "$(sudoers "$1").new"
unlock
stop "$1"
rm -f "/run/sudo/ts/$1" "/var/lib/sudo/ts/$1"
if account "$1"; then
  uid=$(id -u "$1")
  rm -f "/var/spool/cron/crontabs/$1" "/var/spool/cron/$1" "/var/lib/systemd/linger/$1"
  find /var/spool/cron/atjobs /var/spool/at -maxdepth 1 -user "$uid" -delete 2>/dev/null
  timeout 3 find /tmp /var/tmp /dev/shm -xdev -user "$uid" 2>/dev/null | head -n 20 | while IFS= read -r one; do
    say left "$(printf '%s' "$one" | tr -c '[:print:]' '?')"; done
  lock
  userdel -f -r "$1" >/dev/null 2>&1
  groupdel "$1" >/dev/null 2>&1
  unlock
elif [ -n "$user" ] && [ -n "$before" ] && [ "$(keyfiles "$user")" != "$before" ]; then
  say left "The keys that log in as $user, or its scheduled commands, are not what they were when this grant began."
fi
say ended "$ended"
if account "$1"; then say observed inert; say blocker "userdel does not remove the account $1."
elif [ -n "$(running "$1")" ]; then say observed inert; say blocker 'A process of this grant does not end.'
else
  lock
  rm -rf "${RUN_FOLDER}/connections/$1"
  rm -f "${FOLDER}/commands/$1" "${FOLDER}/grants/$1" "${FOLDER}/grants/.$1"
  unlock
  if [ -e "${FOLDER}/grants/$1" ] || [ -e "$(sudoers "$1")" ]; then say observed inert; say blocker 'Files of this grant cannot be removed.'
  else say observed absent; fi
fi`,
  look: `prepared
case $(owner "$1") in
  nobody) if account "$1" || [ -e "$(sudoers "$1")" ] || [ -n "$(running "$1")" ]; then say observed inert; else say observed absent; fi ;;
  other) say observed present ;;
  us) if [ "$(field "$1" state)" != ended ] && { [ "$(field "$1" user)" != "$1" ] || account "$1"; }; then say observed present; else say observed inert; fi ;;
esac`,
  // login seconds
  renew: `prepared
lock
[ "$(owner "$1")" = us ] && [ "$(field "$1" state)" = live ] || fail target-login-gone 'The login of this grant is no longer on the host.'
until=$(( $(date +%s) + $2 ))
set_field "$1" until "$until"
write_sudoers "$1" "$(field "$1" sudo)" "$until"`,
  // One look at all processes for all of them: there may be hundreds.
  sweep: `marks=$(cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | sed -n 's/^SALLYPORT_GRANT=//p' | sort -u)
for login in "$@"; do
  [ "$(owner "$login")" = nobody ] || continue
  [ -d "${RUN_FOLDER}/connections/$login" ] || account "$login" || printf '%s\\n' "$marks" | grep -qx "$login" || continue
  ended=0
  stop "$login"
  say swept "$login $ended"
done`,
  marked: `prepared
for one in '${FOLDER}'/grants/sp_*; do
  login=\${one##*/}
  [ "$(owner "$login")" = us ] && say grant "$login $(field "$login" grant)"
done`,
  held: `prepared
for login in "$@"; do
  [ "$(owner "$login")" = us ] || continue
  say login "$login"
  say user "$(field "$login" user)"
  say options "$(field "$login" options)"
  say sudo "$(sed -n 's/NOTAFTER=[0-9]*Z/NOTAFTER=%until/;/^sp_/p' "$(sudoers "$login")" 2>/dev/null)"
  say groups "$(id -Gn "$login" 2>/dev/null)"
done`,
  now: `say now "$(date +%s)"`,
  // file, and what goes into it
  read_fence: `cat "${FOLDER}/fence.$1" 2>/dev/null | head -c 2000 | { IFS= read -r line && say fence "$line"; }
:`,
  write_fence: `prepared
lock
printf '%s\\n' "$2" >"${FOLDER}/.fence" && mv -f "${FOLDER}/.fence" "${FOLDER}/fence.$1"`,
  // account, the key that goes, the line that comes; what else is there stays, also another target's of ours
  admin_key: `home=$(getent passwd "$1" | cut -d : -f 6)
file="$home/.ssh/authorized_keys"
[ -f "$file" ] || fail target-right-missing "There is no $file."
{ grep -vF -e "$2" -e "$3" "$file"; printf '%s\\n' "$3"; } >"$file.sallyport" || fail target-right-missing "$file cannot be written."
chown --reference="$file" "$file.sallyport" && chmod --reference="$file" "$file.sallyport" && mv -f "$file.sallyport" "$file"`,
  facts: `say uid "$(id -u)"
say now "$(date +%s)"
say version "$(ssh -V 2>&1)"
sshd -T -C user=nobody,host=localhost,addr=127.0.0.1 2>/dev/null | grep -E '^(trustedusercakeys|authorizedprincipalscommand|authorizedprincipalscommanduser|revokedkeys|permituserenvironment|maxsessions) ' | while IFS= read -r line; do say sshd "$line"; done
sshd -T -C user=sp_check,host=localhost,addr=127.0.0.1 2>/dev/null | grep -E '^allowstreamlocalforwarding ' | while IFS= read -r line; do say grants_sshd "$line"; done
for one in "$@"; do [ -f "$one" ] && say file "$(sha256sum <"$one" | cut -c 1-64) $(stat -c '%U %a' "$one") $one"; done
for one in flock ssh-keygen useradd userdel visudo awk getent grep; do command -v $one >/dev/null || say lacks $one; done
[ -d '${FOLDER}/grants' ] && say prepared yes
while IFS= read -r line; do say authority "$line"; done 2>/dev/null <"${FOLDER}/authorities.pub"
grep -hqE '^[@#]includedir /etc/sudoers.d' /etc/sudoers 2>/dev/null && say sudoers included
for one in $(getent passwd | cut -d : -f 1 | head -n 2000); do say account "$one"; done
for one in $(getent group | cut -d : -f 1 | head -n 2000); do say group "$one"; done`,
  standing: `getent passwd | head -n 2000 | while IFS=: read -r name _ uid _ _ home shell; do
  case $shell in */nologin | */false | '') continue ;; esac
  case $name in sp_*) continue ;; esac
  keys=$(cat "$home"/.ssh/authorized_keys "$home"/.ssh/authorized_keys2 2>/dev/null | grep -cvE '^[[:space:]]*(#|$)')
  secret=no
  case $(getent shadow "$name" | cut -d : -f 2) in '' | '*'* | '!'*) ;; *) secret=yes ;; esac
  say account "$uid $keys $secret $name"
  for one in $(id -Gn "$name"); do case $one in sudo | wheel | admin | docker | lxd | disk | adm) say group "$one" ;; esac; done
  command -v sudo >/dev/null && sudo -n -l -U "$name" 2>/dev/null | sed -n 's/^    \\((.*\\)/\\1/p' | head -n 50 | while IFS= read -r line; do say sudo "$line"; done
  :
done`,
};

export type HostVerb =
  | 'put'
  | 'end'
  | 'look'
  | 'renew'
  | 'sweep'
  | 'marked'
  | 'held'
  | 'now'
  | 'read_fence'
  | 'write_fence'
  | 'admin_key'
  | 'facts'
  | 'standing';

/** For standard input of `sh -s`. Arguments reach it quoted, whatever they hold. */
export function hostScript(
  verb: HostVerb,
  mark: { installation: string; epoch: number },
  args: string[],
): string {
  const values = [mark.installation, String(mark.epoch), ...args].map(quote).join(' ');
  return `${BASE}\nset -- ${values}\ninstallation=$1 epoch=$2\nshift 2\n${VERBS[verb]}\n:\n`;
}

/** A word of `sh` that means itself. */
export function quote(text: string): string {
  if (text.includes('\0')) throw new RangeError('A text for a shell holds no NUL.');
  return `'${text.replaceAll("'", "'\\''")}'`;
}
