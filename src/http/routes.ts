// Every endpoint, in the order of the guard's table.

import type { FastifyInstance } from 'fastify';
import type { HttpContext } from './context.ts';
import { addGroups } from './routes/add-group.ts';
import { addPasskeys } from './routes/add-passkey.ts';
import { addPrincipals } from './routes/add-principal.ts';
import { addShifts } from './routes/add-shift.ts';
import { addTarget } from './routes/add-target.ts';
import { addTask } from './routes/add-task.ts';
import { approveRequest } from './routes/approve-request.ts';
import { beginOidcSignIn } from './routes/begin-oidc.ts';
import { beginPasskeys } from './routes/begin-passkey.ts';
import { beginPasskeySignIns } from './routes/begin-passkey-sign-in.ts';
import { beginStepUps } from './routes/begin-step-up.ts';
import { breakTheGlass } from './routes/break-glass.ts';
import { cancelDrills } from './routes/cancel-drill.ts';
import { cancelRequest } from './routes/cancel-request.ts';
import { changeCredentials } from './routes/change-credential.ts';
import { changePrincipals } from './routes/change-principal.ts';
import { changeTargetSettings } from './routes/change-target-settings.ts';
import { checkPolicy } from './routes/check-policy.ts';
import { checkTarget } from './routes/check-target.ts';
import { confirmCliLogins } from './routes/confirm-cli-login.ts';
import { confirmPeopleChanges } from './routes/confirm-people-change.ts';
import { decideDeviceLogins } from './routes/decide-device-login.ts';
import { decideReviews } from './routes/decide-review.ts';
import { delegateApprovals } from './routes/delegate.ts';
import { deleteGroups } from './routes/delete-group.ts';
import { denyRequest } from './routes/deny-request.ts';
import { disablePrincipals } from './routes/disable-principal.ts';
import { drainReplica } from './routes/drain-replica.ts';
import { enablePrincipals } from './routes/enable-principal.ts';
import { endDelegations } from './routes/end-delegation.ts';
import { endSession } from './routes/end-session.ts';
import { endShifts } from './routes/end-shift.ts';
import { exchangeJobToken } from './routes/exchange-job-token.ts';
import { explainPolicy } from './routes/explain-policy.ts';
import { exportAudit } from './routes/export-audit.ts';
import { extendGrants } from './routes/extend-grant.ts';
import { finishOidcSignIn } from './routes/finish-oidc.ts';
import { finishPasskeySignIns } from './routes/finish-passkey-sign-in.ts';
import { finishStepUps } from './routes/finish-step-up.ts';
import { getBrokenGlass } from './routes/get-broken-glass.ts';
import { getCheckpoint } from './routes/get-checkpoint.ts';
import { getGrant } from './routes/get-grant.ts';
import { getHealth } from './routes/get-health.ts';
import { getInsights } from './routes/get-insights.ts';
import { getInstallationHealth } from './routes/get-installation-health.ts';
import { getKeys } from './routes/get-keys.ts';
import { getKill } from './routes/get-kill.ts';
import { getMe } from './routes/get-me.ts';
import { getMetrics } from './routes/get-metrics.ts';
import { getMySignIn } from './routes/get-my-sign-in.ts';
import { getOpenapi } from './routes/get-openapi.ts';
import { getPolicy } from './routes/get-policy.ts';
import { getPolicyHistory } from './routes/get-policy-history.ts';
import { getProposal } from './routes/get-proposal.ts';
import { getReach } from './routes/get-reach.ts';
import { getReadiness } from './routes/get-readiness.ts';
import { getReceipt } from './routes/get-receipt.ts';
import { getRecovery } from './routes/get-recovery.ts';
import { getRequest } from './routes/get-request.ts';
import { getReview } from './routes/get-review.ts';
import { getSession } from './routes/get-session.ts';
import { getSignInOptions } from './routes/get-sign-in-options.ts';
import { getTerminal } from './routes/get-terminal.ts';
import { holdRecordings } from './routes/hold-recording.ts';
import { hostEnrolment } from './routes/host-enrolment.ts';
import { issueCertificates } from './routes/issue-certificate.ts';
import { issueCredentials } from './routes/issue-credential.ts';
import { issueRegistrationLinks } from './routes/issue-registration-link.ts';
import { issueTokens } from './routes/issue-token.ts';
import { keepKits } from './routes/keep-kits.ts';
import { kills } from './routes/kill.ts';
import { labelColumns } from './routes/label-columns.ts';
import { liftKills } from './routes/lift-kill.ts';
import { linkOidc } from './routes/link-oidc.ts';
import { getDelegations } from './routes/list-delegations.ts';
import { listDemoPeople } from './routes/list-demo-people.ts';
import { getDrills } from './routes/list-drills.ts';
import { getGrants } from './routes/list-grants.ts';
import { getGroups } from './routes/list-groups.ts';
import { getKills } from './routes/list-kills.ts';
import { getNotices } from './routes/list-notices.ts';
import { getPacks } from './routes/list-packs.ts';
import { getPeopleChanges } from './routes/list-people-changes.ts';
import { listPolicies } from './routes/list-policies.ts';
import { getPrincipals } from './routes/list-principals.ts';
import { getProposals } from './routes/list-proposals.ts';
import { getReplicas } from './routes/list-replicas.ts';
import { getRequests } from './routes/list-requests.ts';
import { getReviews } from './routes/list-reviews.ts';
import { listSegmentsOfTree } from './routes/list-segments.ts';
import { getSessions } from './routes/list-sessions.ts';
import { getShifts } from './routes/list-shifts.ts';
import { listStandingAccess } from './routes/list-standing-access.ts';
import { getTargets } from './routes/list-targets.ts';
import { listTasks } from './routes/list-tasks.ts';
import { getTokens } from './routes/list-tokens.ts';
import { lookAtDeviceLogins } from './routes/look-at-device-login.ts';
import { openRegistrationLinks } from './routes/open-registration-link.ts';
import { planPolicy } from './routes/plan-policy.ts';
import { previewRequests } from './routes/preview-request.ts';
import { proposePolicy } from './routes/propose-policy.ts';
import { markNotices } from './routes/read-notices.ts';
import { redeemCliLogins } from './routes/redeem-cli-login.ts';
import { redeemDeviceLogins } from './routes/redeem-device-login.ts';
import { refusePeopleChanges } from './routes/refuse-people-change.ts';
import { refuseProposal } from './routes/refuse-proposal.ts';
import { removePasskeys } from './routes/remove-passkey.ts';
import { removeTargets } from './routes/remove-target.ts';
import { returnGrants } from './routes/return-grant.ts';
import { revokeGrants } from './routes/revoke-grant.ts';
import { revokeTokens } from './routes/revoke-token.ts';
import { rotateKeys } from './routes/rotate-key.ts';
import { scheduleDrills } from './routes/schedule-drill.ts';
import { describeScim } from './routes/scim-discovery.ts';
import { keepGroups, keepUsers } from './routes/scim-resources.ts';
import { searchAudit } from './routes/search-audit.ts';
import { setPackOwner } from './routes/set-pack-owner.ts';
import { setSegments } from './routes/set-segment.ts';
import { signIn } from './routes/sign-in.ts';
import { signInToDemo } from './routes/sign-in-to-demo.ts';
import { signOut } from './routes/sign-out.ts';
import { signProposal } from './routes/sign-proposal.ts';
import { signRecoveries } from './routes/sign-recovery.ts';
import { startDeviceLogins } from './routes/start-device-login.ts';
import { statements } from './routes/statements.ts';
import { streamEvents } from './routes/stream-events.ts';
import { submitBundles } from './routes/submit-bundle.ts';
import { submitRequest } from './routes/submit-request.ts';
import { useRegistrationLinks } from './routes/use-registration-link.ts';
import { watchSessions } from './routes/watch-session.ts';
import { withdrawProposal } from './routes/withdraw-proposal.ts';

const ROUTES = [
  keepKits,
  breakTheGlass,
  getBrokenGlass,
  getReviews,
  getReview,
  decideReviews,
  getDrills,
  scheduleDrills,
  cancelDrills,
  getNotices,
  markNotices,
  disablePrincipals,
  describeScim,
  keepUsers,
  keepGroups,
  exchangeJobToken,
  getTokens,
  issueTokens,
  revokeTokens,
  addPrincipals,
  refusePeopleChanges,
  getPeopleChanges,
  getGroups,
  enablePrincipals,
  deleteGroups,
  confirmPeopleChanges,
  changePrincipals,
  addGroups,
  getPrincipals,
  setSegments,
  labelColumns,
  getShifts,
  addShifts,
  endShifts,
  getDelegations,
  delegateApprovals,
  endDelegations,
  addTarget,
  addTask,
  approveRequest,
  cancelRequest,
  checkPolicy,
  checkTarget,
  changeCredentials,
  changeTargetSettings,
  removeTargets,
  denyRequest,
  statements,
  endSession,
  explainPolicy,
  exportAudit,
  extendGrants,
  getCheckpoint,
  getGrant,
  getHealth,
  getReadiness,
  getReplicas,
  getInstallationHealth,
  getRecovery,
  signRecoveries,
  getKeys,
  drainReplica,
  rotateKeys,
  getInsights,
  getMe,
  getMetrics,
  getOpenapi,
  getPolicy,
  getReach,
  getReceipt,
  getRequest,
  getSession,
  getTerminal,
  watchSessions,
  holdRecordings,
  hostEnrolment,
  issueCertificates,
  issueCredentials,
  listDemoPeople,
  getGrants,
  listPolicies,
  getRequests,
  getSessions,
  listSegmentsOfTree,
  listStandingAccess,
  getTargets,
  listTasks,
  previewRequests,
  returnGrants,
  revokeGrants,
  getKills,
  getKill,
  kills,
  liftKills,
  searchAudit,
  signInToDemo,
  signIn,
  signOut,
  streamEvents,
  submitRequest,
  submitBundles,
  getPacks,
  setPackOwner,
  planPolicy,
  getPolicyHistory,
  getProposals,
  getProposal,
  proposePolicy,
  signProposal,
  refuseProposal,
  withdrawProposal,
  getSignInOptions,
  beginOidcSignIn,
  finishOidcSignIn,
  getMySignIn,
  linkOidc,
  addPasskeys,
  beginPasskeys,
  beginPasskeySignIns,
  beginStepUps,
  finishPasskeySignIns,
  finishStepUps,
  issueRegistrationLinks,
  openRegistrationLinks,
  removePasskeys,
  useRegistrationLinks,
  confirmCliLogins,
  decideDeviceLogins,
  lookAtDeviceLogins,
  redeemCliLogins,
  redeemDeviceLogins,
  startDeviceLogins,
];

export function registerRoutes(app: FastifyInstance, ctx: HttpContext): void {
  for (const register of ROUTES) register(app, ctx);
}
