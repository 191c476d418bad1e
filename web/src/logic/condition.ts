// A condition on metadata as the service reads it: "region=Africa".
export interface Condition {
  name: string;
  relation: string;
  value: string;
}

const kForm = /^\s*([^=!<>~]+?)\s*(!=|<=|>=|=|<|>|~)\s*(.*?)\s*$/;

// Null: not a condition.
export function parseCondition(text: string): Condition|null {
  const parts = kForm.exec(text);
  if (!parts) return null;
  return {name: parts[1]!, relation: parts[2]!, value: parts[3]!};
}

// With another condition, unless it is there already.
export function withCondition(where: string[], text: string): string[] {
  const condition = parseCondition(text);
  if (!condition) return where;
  const plain = condition.name + condition.relation + condition.value;
  return where.includes(plain) ? where : [...where, plain];
}
