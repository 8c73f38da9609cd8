// The map of the portal: every address and the page that answers it. Pages inside `in` need a sign-in.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { z } from 'zod';
import { killScope } from '../src/api/kills.ts';
import { policyAction } from '../src/api/policies.ts';
import { AccessPage } from './pages/access-page.tsx';
import { ApprovalsPage } from './pages/approvals-page.tsx';
import { BrokenPage } from './pages/broken-page.tsx';
import { ElevationPage } from './pages/elevation-page.tsx';
import { GrantPage } from './pages/grant-page.tsx';
import { NotFoundPage } from './pages/not-found-page.tsx';
import { NoticesPage } from './pages/notices-page.tsx';
import { RegisterPage } from './pages/register-page.tsx';
import { RequestPage } from './pages/request-page.tsx';
import { SessionsPage } from './pages/sessions-page.tsx';
import { SignInPage } from './pages/sign-in-page.tsx';
import { SignedIn } from './pages/signed-in.tsx';
import { AUDIT_VIEWS } from './words/audit-views.ts';
import { whatIfSearch } from './words/what-if.ts';

const word = z.string().max(200).optional().catch(undefined);
// Only a path of this portal: a whole address in `next` would lead people elsewhere after signing in.
const ownPath = z
  .string()
  .regex(/^\/(?![/\\])/)
  .optional()
  .catch(undefined);
const signInSearch = z.object({ next: ownPath, failed: word });
// Its page looks closer. The router reads a port as a number.
const cliLoginSearch = z.object({
  challenge: word,
  state: z.coerce.string().max(200).optional().catch(undefined),
  port: z.coerce.number().optional().catch(undefined),
  machine: z.coerce.string().max(200).optional().catch(undefined),
});
const requestSearch = z.object({ target: word, task: word, like: word });
const sessionsSearch = z.object({ show: z.enum(['ended']).optional().catch(undefined) });
const targetsSearch = z.object({ show: z.enum(['tasks']).optional().catch(undefined) });
const mapSearch = z.object({ segment: word });
const killSearch = z.object({ scope: killScope.optional().catch(undefined), name: word });
const policySearch = z.object({
  id: word,
  text: word,
  segment: word,
  group: word,
  action: policyAction.optional().catch(undefined),
});
const policyChangesSearch = z.object({ show: z.enum(['history']).optional().catch(undefined) });
const peopleSearch = z.object({
  show: z.enum(['groups', 'changes']).optional().catch(undefined),
  who: word,
});
const auditSearch = z.object({
  view: z.enum(AUDIT_VIEWS).optional().catch(undefined),
  text: word,
  kind: word,
  actor: word,
  target: word,
  from: word,
  to: word,
});

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: NotFoundPage,
  errorComponent: BrokenPage,
});
const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignInPage,
  validateSearch: signInSearch,
});
const register = createRoute({ getParentRoute: () => root, path: '/register', component: RegisterPage });
const inside = createRoute({ getParentRoute: () => root, id: 'in', component: SignedIn });

const access = createRoute({ getParentRoute: () => inside, path: '/', component: AccessPage });
const request = createRoute({
  getParentRoute: () => inside,
  path: '/request',
  component: RequestPage,
  validateSearch: requestSearch,
});
const elevation = createRoute({
  getParentRoute: () => inside,
  path: '/requests/$id',
  component: ElevationPage,
});
const grant = createRoute({ getParentRoute: () => inside, path: '/grants/$id', component: GrantPage });
const approvals = createRoute({ getParentRoute: () => inside, path: '/approvals', component: ApprovalsPage });
const approval = createRoute({
  getParentRoute: () => inside,
  path: '/approvals/$id',
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/requests/$id', params });
  },
});
const sessions = createRoute({
  getParentRoute: () => inside,
  path: '/sessions',
  component: SessionsPage,
  validateSearch: sessionsSearch,
});
const session = createRoute({
  getParentRoute: () => inside,
  path: '/sessions/$id',
  component: lazyRouteComponent(() => import('./pages/session-page.tsx'), 'SessionPage'),
});
const audit = createRoute({
  getParentRoute: () => inside,
  path: '/audit',
  component: lazyRouteComponent(() => import('./pages/audit-page.tsx'), 'AuditPage'),
  validateSearch: auditSearch,
});
const targets = createRoute({
  getParentRoute: () => inside,
  path: '/targets',
  component: lazyRouteComponent(() => import('./pages/targets-page.tsx'), 'TargetsPage'),
  validateSearch: targetsSearch,
});
const target = createRoute({
  getParentRoute: () => inside,
  path: '/targets/$name',
  component: lazyRouteComponent(() => import('./pages/target-page.tsx'), 'TargetPage'),
});
const addTarget = createRoute({
  getParentRoute: () => inside,
  path: '/targets/new',
  component: lazyRouteComponent(() => import('./pages/add-target-page.tsx'), 'AddTargetPage'),
});
const addTask = createRoute({
  getParentRoute: () => inside,
  path: '/tasks/new',
  component: lazyRouteComponent(() => import('./pages/add-task-page.tsx'), 'AddTaskPage'),
});
const map = createRoute({
  getParentRoute: () => inside,
  path: '/map',
  component: lazyRouteComponent(() => import('./pages/map-page.tsx'), 'MapPage'),
  validateSearch: mapSearch,
});
const policy = createRoute({
  getParentRoute: () => inside,
  path: '/policy',
  component: lazyRouteComponent(() => import('./pages/policy-page.tsx'), 'PolicyPage'),
  validateSearch: policySearch,
});
const whatIf = createRoute({
  getParentRoute: () => inside,
  path: '/policy/what-if',
  component: lazyRouteComponent(() => import('./pages/what-if-page.tsx'), 'WhatIfPage'),
  validateSearch: whatIfSearch,
});
const buildPolicy = createRoute({
  getParentRoute: () => inside,
  path: '/policy/build',
  component: lazyRouteComponent(() => import('./pages/build-policy-page.tsx'), 'BuildPolicyPage'),
});
const insights = createRoute({
  getParentRoute: () => inside,
  path: '/insights',
  component: lazyRouteComponent(() => import('./pages/insights-page.tsx'), 'InsightsPage'),
});
const health = createRoute({
  getParentRoute: () => inside,
  path: '/health',
  component: lazyRouteComponent(() => import('./pages/health-page.tsx'), 'HealthPage'),
});
const policyChanges = createRoute({
  getParentRoute: () => inside,
  path: '/policy/changes',
  component: lazyRouteComponent(() => import('./pages/policy-changes-page.tsx'), 'PolicyChangesPage'),
  validateSearch: policyChangesSearch,
});
const policyChange = createRoute({
  getParentRoute: () => inside,
  path: '/policy/changes/$id',
  component: lazyRouteComponent(() => import('./pages/policy-change-page.tsx'), 'PolicyChangePage'),
});
const people = createRoute({
  getParentRoute: () => inside,
  path: '/people',
  component: lazyRouteComponent(() => import('./pages/people-page.tsx'), 'PeoplePage'),
  validateSearch: peopleSearch,
});
const breakGlass = createRoute({
  getParentRoute: () => inside,
  path: '/break-glass',
  component: lazyRouteComponent(() => import('./pages/break-glass-page.tsx'), 'BreakGlassPage'),
});
const review = createRoute({
  getParentRoute: () => inside,
  path: '/reviews/$id',
  component: lazyRouteComponent(() => import('./pages/review-page.tsx'), 'ReviewPage'),
});
const statement = createRoute({
  getParentRoute: () => inside,
  path: '/statements/$id',
  component: lazyRouteComponent(() => import('./pages/statement-page.tsx'), 'StatementPage'),
});
const notices = createRoute({ getParentRoute: () => inside, path: '/notices', component: NoticesPage });
const kill = createRoute({
  getParentRoute: () => inside,
  path: '/kill',
  component: lazyRouteComponent(() => import('./pages/kill-page.tsx'), 'KillPage'),
  validateSearch: killSearch,
});
const mySignIn = createRoute({
  getParentRoute: () => inside,
  path: '/my-sign-in',
  component: lazyRouteComponent(() => import('./pages/my-sign-in-page.tsx'), 'MySignInPage'),
});
const cliLogin = createRoute({
  getParentRoute: () => inside,
  path: '/login/cli',
  component: lazyRouteComponent(() => import('./pages/cli-login-page.tsx'), 'CliLoginPage'),
  validateSearch: cliLoginSearch,
});
const deviceLogin = createRoute({
  getParentRoute: () => inside,
  path: '/login/device',
  component: lazyRouteComponent(() => import('./pages/device-login-page.tsx'), 'DeviceLoginPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    register,
    inside.addChildren([
      access,
      request,
      elevation,
      grant,
      approvals,
      approval,
      sessions,
      session,
      audit,
      targets,
      target,
      addTarget,
      addTask,
      map,
      policy,
      whatIf,
      buildPolicy,
      insights,
      health,
      policyChanges,
      policyChange,
      people,
      breakGlass,
      review,
      statement,
      notices,
      kill,
      mySignIn,
      cliLogin,
      deviceLogin,
    ]),
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
