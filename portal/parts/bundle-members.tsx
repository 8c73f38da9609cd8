// The members of a bundle, each with its rights in words.

import type { Request } from '../../src/api/requests.ts';
import { RightsList } from './rights-list.tsx';

export function BundleMembers({ members }: Pick<Request, 'members'>) {
  return (
    <ul className="sp-list sp-stack" aria-label="All of them, or none">
      {members.map((member) => (
        <li key={`${member.task} ${member.target}`}>
          <strong>
            {member.task} on {member.target}
          </strong>{' '}
          <span className="sp-soft sp-small sp-mono">{member.segment}</span>
          <RightsList rights={member.rights} />
        </li>
      ))}
    </ul>
  );
}
