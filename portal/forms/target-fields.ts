// What the parts of the form for a new target hand to one another.

export interface KindFields<Fields> {
  fields: Fields;
  set: (fields: Fields) => void;
  /** By the wire's field names. */
  problems: Record<string, string>;
}
