// From where a call comes. The socket's address; behind proxies that the configuration names, the rightmost address
// of X-Forwarded-For that is none of theirs. What stands left of it was written by whoever is outside.

import type { FastifyRequest } from 'fastify';
import { type AddressRange, isInRanges, plainAddress } from '../base/address-ranges.ts';
import { Failure } from '../base/errors.ts';

const FORWARDED_FOR = 'x-forwarded-for';
/** More proxies in a row than this are a loop or an attack. */
const MOST_HOPS = 20;
/** Some load balancers write the client's port too. */
const WITH_PORT = /^(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([0-9a-fA-F:.]+)\])(?::\d{1,5})?$/;

const addresses = new WeakMap<FastifyRequest, string>();

/** Before anything else is done with a call. Errors: as `clientAddress`. */
export function rememberAddress(request: FastifyRequest, trustedProxies: readonly AddressRange[]): void {
  addresses.set(request, clientAddress(request, trustedProxies));
}

/** Whose call it is, by address: what policy, limits and the log see. */
export function addressOf(request: FastifyRequest): string {
  const address = addresses.get(request);
  if (address === undefined) throw new TypeError('The address of this call was not looked at.');
  return address;
}

/** The socket's address, whatever the headers say. */
export function socketAddress(request: FastifyRequest): string {
  const { remoteAddress } = request.socket;
  return remoteAddress === undefined ? '' : (plainAddress(remoteAddress) ?? remoteAddress);
}

/** Errors: `bad-forwarded-for` where a trusted proxy sends what is no address, so that nobody guesses whose call it is. */
function clientAddress(request: FastifyRequest, trustedProxies: readonly AddressRange[]): string {
  let address = socketAddress(request);
  if (trustedProxies.length === 0 || !isInRanges(trustedProxies, address)) return address;
  const header = request.headers[FORWARDED_FOR];
  const hops = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',');
  for (let steps = 0; hops.length > 0 && isInRanges(trustedProxies, address); steps++) {
    const hop = (hops.pop() ?? '').trim();
    if (hop === '' && hops.length === 0 && steps === 0) return address;
    const found = steps < MOST_HOPS ? plainAddress(withoutPort(hop)) : null;
    if (found === null) {
      throw new Failure('invalid', 'bad-forwarded-for', 'X-Forwarded-For holds what is no address.', {
        hint: 'The proxy in front of Sallyport must append the address that it sees.',
      });
    }
    address = found;
  }
  return address;
}

function withoutPort(hop: string): string {
  const match = WITH_PORT.exec(hop);
  return match?.[1] ?? match?.[2] ?? hop;
}
