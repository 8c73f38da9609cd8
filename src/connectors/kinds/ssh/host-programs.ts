// What stands on a host once it is prepared: two small programs that sshd calls, and the lines of its configuration.
// sshd asks the first, for each certificate, whether the grant that the certificate names lives: so the host itself
// refuses a certificate whose grant is over, and knows which of its connections is whose. All of it is plain text that
// an administrator can read before pasting it.

export const FOLDER = '/etc/ssh/sallyport';
export const LIBRARY = '/usr/local/lib/sallyport';
export const RUN_FOLDER = '/run/sallyport';
export const PRINCIPALS_PROGRAM = `${LIBRARY}/principals`;
export const COMMAND_PROGRAM = `${LIBRARY}/command`;
export const CONFIGURATION = '/etc/ssh/sshd_config.d/10-sallyport.conf';

/** The connection is written down before the grant is looked at: what a revocation then does not find never got in. */
export const PRINCIPALS_TEXT = `#!/bin/sh
# Sallyport: called by sshd with an account and a certificate's key id. Prints what the certificate may be used for when
# its grant lives, is for that account and is not over; prints nothing, and so refuses, in every other case.
LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
case $2 in *[!a-z0-9_]*) exit 0 ;; sp_?*) ;; *) exit 0 ;; esac
grant=${FOLDER}/grants/$2
[ -f "$grant" ] || exit 0
connections=${RUN_FOLDER}/connections/$2
mkdir -p "$connections" || exit 0
started=$(sed 's/.*) //' "/proc/$PPID/stat" | cut -d ' ' -f 20)
[ -n "$started" ] || exit 0
for one in "$connections"/*; do [ -d "/proc/\${one##*/}" ] || rm -f "$one"; done
printf '%s\\n' "$started" >"$connections/$PPID" || exit 0
state= user= until=0 options=
while IFS='=' read -r key value; do
  case $key in state) state=$value ;; user) user=$value ;; until) until=$value ;; options) options=$value ;; esac
done <"$grant"
if [ "$state" = live ] && [ "$user" = "$1" ] && [ "$(date +%s)" -lt "$until" ] && [ -n "$options" ]; then
  printf '%s %s\\n' "$options" "$2"
else
  rm -f "$connections/$PPID"
fi
`;

export const COMMAND_TEXT = `#!/bin/sh
# Sallyport: called by sshd in place of what was asked for. Runs what the grant's task names, word by word.
case \${1-} in *[!a-z0-9_]* | '') exit 126 ;; esac
asked=\${SSH_ORIGINAL_COMMAND-}
case $asked in
  internal-sftp | */sftp-server)
    wanted=sftp
    for one in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server; do
      [ -x "$one" ] && server=$one
    done ;;
  *) wanted="command=$asked" server= ;;
esac
while IFS= read -r line <&3; do
  [ "$line" = "$wanted" ] || continue
  exec 3<&-
  [ "$wanted" = sftp ] && exec "$server"
  exec /bin/sh -c "$asked"
done 3<"${FOLDER}/commands/$1"
echo "This grant does not allow that here. Its commands:" >&2
sed -n 's/^command=/  /p' "${FOLDER}/commands/$1" >&2
exit 126
`;

/** By the names that `sshd -T` gives them. */
export const WANTED_OPTIONS: readonly [name: string, line: string][] = [
  ['trustedusercakeys', `TrustedUserCAKeys ${FOLDER}/authorities.pub`],
  ['authorizedprincipalscommand', `AuthorizedPrincipalsCommand ${PRINCIPALS_PROGRAM} %u %i`],
  ['authorizedprincipalscommanduser', 'AuthorizedPrincipalsCommandUser root'],
  ['revokedkeys', `RevokedKeys ${FOLDER}/revoked`],
  ['permituserenvironment', 'PermitUserEnvironment SALLYPORT_*'],
];

/** Accounts of grants reach no socket of the host's own programs by forwarding. */
export const CONFIGURATION_TEXT = `# Sallyport. Sessions of grants log in with certificates; everything else is as before.
${WANTED_OPTIONS.map(([, line]) => line).join('\n')}
Match User sp_*
    AllowStreamLocalForwarding no
    AuthorizedKeysFile none
    PasswordAuthentication no
    KbdInteractiveAuthentication no
`;

const file = (path: string, mode: string, text: string) =>
  `cat >'${path}' <<'SALLYPORT_END'\n${text}SALLYPORT_END\nchmod ${mode} '${path}'`;

/** Puts the programs and folders there; safe to run again. */
export const PROGRAMS_SCRIPT = `mkdir -p '${LIBRARY}' '${FOLDER}'/authorities.d '${FOLDER}'/commands /etc/ssh/sshd_config.d
mkdir -p -m 700 '${FOLDER}'/grants '${FOLDER}'/revocations
[ -e '${FOLDER}'/revoked ] || : >'${FOLDER}'/revoked
${file(PRINCIPALS_PROGRAM, '755', PRINCIPALS_TEXT)}
${file(COMMAND_PROGRAM, '755', COMMAND_TEXT)}`;

/** For an administrator to paste into a root shell, once. All of its inputs have a narrow form. */
export function setupScript(input: {
  installation: string;
  authorities: string[];
  adminKey: string | null;
}): string {
  const admin =
    input.adminKey === null
      ? ''
      : `mkdir -p -m 700 /root/.ssh && touch /root/.ssh/authorized_keys && chmod 600 /root/.ssh/authorized_keys
grep -qxF '${input.adminKey}' /root/.ssh/authorized_keys || echo '${input.adminKey}' >>/root/.ssh/authorized_keys\n`;
  return `set -eu
${PROGRAMS_SCRIPT}
${file(`${FOLDER}/authorities.d/${input.installation}.pub`, '644', input.authorities.map((line) => `${line} sallyport:${input.installation}\n`).join(''))}
cat '${FOLDER}'/authorities.d/*.pub >'${FOLDER}'/authorities.pub
${admin}${file(CONFIGURATION, '644', CONFIGURATION_TEXT)}
grep -qiE '^[[:space:]]*Include[[:space:]]+/etc/ssh/sshd_config.d/' /etc/ssh/sshd_config ||
  sed -i '1i Include ${'/etc/ssh/sshd_config.d/*.conf'}' /etc/ssh/sshd_config
sshd -t && { systemctl reload ssh 2>/dev/null || systemctl reload sshd 2>/dev/null || pkill -HUP -o -x sshd; }
`;
}
