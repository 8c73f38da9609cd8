// What is spoken on both sides. AES-GCM first: it is what the machine's own instructions do, where ChaCha20 would be
// computed in JavaScript (ADR 38). Nothing with SHA-1, CBC or small groups, and no compression.

import type { CipherAlgorithm, KexAlgorithm, MacAlgorithm } from 'ssh2';

export const KEY_EXCHANGES: KexAlgorithm[] = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group14-sha256',
];

export const CIPHERS: CipherAlgorithm[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes256-ctr',
  'aes128-ctr',
];

export const MACS: MacAlgorithm[] = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'];
