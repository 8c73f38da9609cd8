// Where a session's recording lies: `recordings/yyyy/mm/<id>.sprec` under the data folder, from the time in the id
// itself, so that it is found again by the id alone, whatever else is lost; in a store of objects below a prefix.

import type { ObjectPlace, ObjectStore } from '../object-store/s3.ts';

const ID_PATTERN = /^ses_[0-9a-hjkmnp-tv-z]{26}$/;
const FOLDER = 'recordings/';
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Relative to the data folder. Errors: RangeError for what is not a session's id: no path is made of anything else. */
export function recordingPath(sessionId: string): string {
  if (!ID_PATTERN.test(sessionId)) throw new RangeError('This is not the id of a session.');
  let time = 0;
  for (const digit of sessionId.slice(4, 14)) time = time * 32 + ALPHABET.indexOf(digit);
  const at = new Date(time);
  const month = String(at.getUTCMonth() + 1).padStart(2, '0');
  return `${FOLDER}${at.getUTCFullYear()}/${month}/${sessionId}.sprec`;
}

/** Where closed recordings go. */
export interface RecordingStore {
  objects: ObjectStore;
  /** Empty, or ends with a slash. */
  prefix: string;
}

/** What all its objects begin with. */
export function homeOf({ objects, prefix }: RecordingStore): string {
  return `s3://${objects.bucket}/${prefix}`;
}

/** `s3://bucket/prefix/yyyy/mm/<id>.sprec`: the same at each try, so that trying again doubles nothing. */
export function recordingObject(store: RecordingStore, sessionId: string): string {
  return `${homeOf(store)}${recordingPath(sessionId).slice(FOLDER.length)}`;
}

/** Errors: RangeError for what `recordingObject` has not written. */
export function placeOf(object: string): ObjectPlace {
  const [, bucket, key] = /^s3:\/\/([a-z0-9.-]{3,63})\/([A-Za-z0-9._/-]{1,1000}\.sprec)$/.exec(object) ?? [];
  if (bucket === undefined || key === undefined)
    throw new RangeError('This is not the place of a recording.');
  return { bucket, key };
}
