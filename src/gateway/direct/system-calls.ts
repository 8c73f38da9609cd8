// The calls of the C library and of libuv that sockets of our own need, through koffi: the one file that knows their
// types, and the numbers of Linux. Memory that the kernel writes to is taken once and never given back, so no address
// outlives what it points to. Where anything is missing or not as it is known here, there is nothing (null), and
// sockets are Node's (fast-socket.ts).

import { isMainThread } from 'node:worker_threads';

/** Each returns -1 for an error, which `errno` then tells, unless said otherwise. Addresses are numbers. */
export interface SystemCalls {
  recv(fd: number, address: number, bytes: number, flags: number): number;
  send(fd: number, address: number, bytes: number, flags: number): number;
  /** The same for memory whose address nobody knows. */
  sendBuffer(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  shutdown(fd: number, how: number): number;
  setsockopt(fd: number, level: number, name: number, address: number, bytes: number): number;
  /** `value`: the smallest number that the copy may have. */
  fcntl(fd: number, command: number, value: number): number;
  close(fd: number): number;
  socketpair(family: number, type: number, protocol: number, address: number): number;
  epollCreate(flags: number): number;
  epollCtl(epoll: number, what: number, fd: number, address: number): number;
  epollWait(epoll: number, address: number, most: number, timeoutMs: number): number;
  errno(): number;
  libuv: Libuv;
  /** Memory of the process's whole life. */
  memory(bytes: number): Memory;
}

export interface Memory {
  address: number;
  bytes: ArrayBuffer;
}

/** libuv's own way to be part of another loop: https://docs.libuv.org/en/v1.x/loop.html */
export interface Libuv {
  /** Readable when libuv has something to do. */
  fd: number;
  /** How long libuv would wait, by the clock of the last `updateTime`; 0: it has to run, -1: for ever. */
  timeoutMs(): number;
  updateTime(): void;
  /** Calls `act` in each turn of the loop, right before libuv waits, while started; keeps the process alive then. */
  beforeWaiting(act: () => void): Switch;
  /** While it is on, libuv does not wait. */
  hurry(): Switch;
}

export interface Switch {
  on(): void;
  off(): void;
}

export const EAGAIN = 11;
export const EINTR = 4;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const SHUT_WR = 1;
export const SOL_SOCKET = 1;
export const SO_LINGER = 13;
export const F_DUPFD_CLOEXEC = 1030;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLL_CLOEXEC = 0o2000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** `struct epoll_event` in words of 32 bits: x64 packs it, arm64 does not. */
export const EVENT_WORDS = process.arch === 'x64' ? 3 : 4;
export const EVENT_DATA_AT = process.arch === 'x64' ? 1 : 2;
export const EVENT_BYTES = EVENT_WORDS * 4;

const KNOWN_ARCHITECTURES: readonly string[] = ['x64', 'arm64'];

/** Null where this machine, this Node or this thread does not have them. They were tried once when this returns. */
export async function loadSystemCalls(): Promise<SystemCalls | null> {
  if (process.platform !== 'linux' || !isMainThread || !KNOWN_ARCHITECTURES.includes(process.arch))
    return null;
  try {
    const calls = bind((await import('koffi')).default);
    return works(calls) ? calls : null;
  } catch {
    return null;
  }
}

type Koffi = typeof import('koffi')['default'];

function bind(koffi: Koffi): SystemCalls {
  // Null: what the process has already, which is the C library, and libuv as Node exports it for addons.
  const library = koffi.load(null);
  return {
    recv: library.func('intptr_t recv(int, uintptr_t, size_t, int)'),
    send: library.func('intptr_t send(int, uintptr_t, size_t, int)'),
    sendBuffer: library.func('send', 'intptr_t', ['int', 'const uint8_t *', 'size_t', 'int']),
    shutdown: library.func('int shutdown(int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, uintptr_t, uint32_t)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    close: library.func('int close(int)'),
    socketpair: library.func('int socketpair(int, int, int, uintptr_t)'),
    epollCreate: library.func('int epoll_create1(int)'),
    epollCtl: library.func('int epoll_ctl(int, int, int, uintptr_t)'),
    epollWait: library.func('int epoll_wait(int, uintptr_t, int, int)'),
    errno: () => koffi.errno(),
    libuv: bindLibuv(koffi, library),
    memory: (bytes) => memory(koffi, bytes),
  };
}

function memory(koffi: Koffi, bytes: number): Memory {
  const pointer: bigint = koffi.alloc('uint8_t', bytes);
  const view = koffi.view(pointer, bytes);
  new Uint8Array(view).fill(0);
  return { address: Number(pointer), bytes: view };
}

function bindLibuv(koffi: Koffi, library: ReturnType<Koffi['load']>): Libuv {
  const loop: number = library.func('uintptr_t uv_default_loop()')();
  const backendTimeout: (loop: number) => number = library.func('int uv_backend_timeout(uintptr_t)');
  const updateTime: (loop: number) => void = library.func('void uv_update_time(uintptr_t)');
  const start = {
    prepare: library.func('int uv_prepare_start(uintptr_t, void *)'),
    idle: library.func('int uv_idle_start(uintptr_t, void *)'),
  };
  const stop = {
    prepare: library.func('int uv_prepare_stop(uintptr_t)'),
    idle: library.func('int uv_idle_stop(uintptr_t)'),
  };
  const initialise = {
    prepare: library.func('int uv_prepare_init(uintptr_t, uintptr_t)'),
    idle: library.func('int uv_idle_init(uintptr_t, uintptr_t)'),
  };

  function handle(kind: 'prepare' | 'idle', callback: unknown): Switch {
    const { address } = memory(koffi, LARGEST_HANDLE_BYTES);
    initialise[kind](loop, address);
    return { on: () => start[kind](address, callback), off: () => stop[kind](address) };
  }

  return {
    fd: library.func('int uv_backend_fd(uintptr_t)')(loop),
    timeoutMs: () => backendTimeout(loop),
    updateTime: () => updateTime(loop),
    beforeWaiting: (act) =>
      handle('prepare', koffi.register(act, koffi.pointer(koffi.proto('void sallyport_turn(void *)')))),
    // What libuv calls for it must be something of C that does nothing: this only looks at the handle.
    hurry: () => handle('idle', library.symbol('uv_is_active')),
  };
}

/** libuv's are 120 bytes. */
const LARGEST_HANDLE_BYTES = 512;

/** Bytes through a pair of sockets and back out of epoll: what is wrong here would be wrong with somebody's session. */
function works(calls: SystemCalls): boolean {
  if (typeof Reflect.get(process, '_tickCallback') !== 'function') return false;
  const { address, bytes } = calls.memory(256);
  const words = new Uint32Array(bytes);
  if (calls.libuv.fd < 0 || calls.socketpair(AF_UNIX, SOCK_STREAM, 0, address) !== 0) return false;
  const [one = -1, other = -1] = words;
  const epoll = calls.epollCreate(EPOLL_CLOEXEC);
  try {
    words.set([EPOLLIN, 0, 0, 0]);
    words.set([0x1234_5678, 0x0765_4321], EVENT_DATA_AT);
    if (calls.epollCtl(epoll, EPOLL_CTL_ADD, other, address) !== 0) return false;
    if (calls.sendBuffer(one, Buffer.from('works'), 5, MSG_NOSIGNAL | MSG_DONTWAIT) !== 5) return false;
    words.fill(0);
    if (calls.epollWait(epoll, address, 4, 0) !== 1 || words[0] !== EPOLLIN) return false;
    if (words[EVENT_DATA_AT] !== 0x1234_5678 || words[EVENT_DATA_AT + 1] !== 0x0765_4321) return false;
    const got = calls.recv(other, address, 256, MSG_DONTWAIT);
    if (got !== 5 || Buffer.from(bytes, 0, 5).toString() !== 'works') return false;
    if (calls.send(other, address, 3, MSG_NOSIGNAL | MSG_DONTWAIT) !== 3) return false;
    return calls.recv(other, address, 256, MSG_DONTWAIT) === -1 && calls.errno() === EAGAIN;
  } finally {
    for (const fd of [one, other, epoll]) calls.close(fd);
  }
}
