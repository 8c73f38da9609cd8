// A certificate over the client's own public key, for a host that is reached without the gateway.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { certificateBody, issuedCertificate } from '../../api/hosts.ts';
import { idText } from '../../api/text.ts';
import { issueCertificate } from '../../grants/issue-certificate.ts';
import type { HttpContext } from '../context.ts';
import { route } from '../route.ts';

const params = z.object({ id: idText });

export function issueCertificates(app: FastifyInstance, ctx: HttpContext): void {
  route(
    app,
    ctx,
    'POST /api/grants/:id/certificates',
    {
      summary: 'Issue an SSH certificate',
      params,
      body: certificateBody,
      answer: issuedCertificate,
      status: 201,
    },
    async ({ params: { id }, body, caller }) => issueCertificate(ctx.grants, caller, id, body.publicKey),
  );
}
