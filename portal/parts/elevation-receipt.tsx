// The receipt of an elevation that is over.

import { useQuery } from '@tanstack/react-query';
import { receiptQuery } from '../api/grants.ts';
import { Loaded } from './loaded.tsx';
import { ReceiptFacts } from './receipt-facts.tsx';

export function ElevationReceipt({ grantId }: { grantId: string }) {
  const receipt = useQuery(receiptQuery(grantId));
  return (
    <section className="sp-section" aria-labelledby="receipt">
      <h2 id="receipt">Receipt</h2>
      <div className="sp-panel sp-pad">
        <Loaded query={receipt} rows={1} rowHeight={160}>
          {(found) => <ReceiptFacts receipt={found} />}
        </Loaded>
      </div>
    </section>
  );
}
