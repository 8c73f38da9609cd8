// Logins of the command line that wait for a yes here.

import { type CliLogin, type DeviceLogin, deviceLogin, goTo } from '../../src/api/sign-in.ts';
import { post, postForNothing } from './client.ts';
import { apiPath } from './paths.ts';

/** Leads the browser to the program that waits on this machine. */
export async function confirmCliLogin(asked: CliLogin): Promise<void> {
  const { url } = await post(goTo, apiPath.cliLogins(), asked);
  window.location.assign(url);
}

export const lookAtCode = (userCode: string): Promise<DeviceLogin> =>
  post(deviceLogin, apiPath.lookAtDevice(), { userCode });

export const decideOnCode = (userCode: string, allow: boolean): Promise<void> =>
  postForNothing(apiPath.decideDevice(), { userCode, allow });
