// The receipt of an elevation that is over.

import { useQuery } from '@tanstack/react-query';
import { receiptQuery } from '../api/grants.ts';
import { Loaded } from './loaded.tsx';
import { ReceiptFacts } from './receipt-facts.tsx';

/** `of`: which member of a bundle it is of, as ` of read-orders on orders-db`. */
export function ElevationReceipt({ grantId, of }: { grantId: string; of: string }) {
  const receipt = useQuery(receiptQuery(grantId));
  return (
    <section className="sp-section" aria-labelledby={`receipt-${grantId}`}>
      <h2 id={`receipt-${grantId}`}>Receipt{of}</h2>
      <div className="sp-panel sp-pad">
        <Loaded query={receipt} rows={1} rowHeight={160}>
          {(found) => <ReceiptFacts receipt={found} />}
        </Loaded>
      </div>
    </section>
  );
}
