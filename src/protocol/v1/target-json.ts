/** Targets to and from their JSON form; nothing of it loads a schema. */
import { containerEngines, otherTypes, type Target, type TargetType } from '../../model/target.ts'
import type { TargetJson } from './target.ts'

/** The JSON form of a target, with the names of members that clients of Packetflix know. */
export function targetJson(target: Target): TargetJson {
  const { container, members, shares } = target
  return {
    name: target.name,
    type: target.type,
    netns: target.netns,
    'network-interfaces': [...target.interfaces],
    pid: target.pid,
    starttime: target.startTime,
    prefix: target.prefix,
    reference: target.reference,
    addresses: target.addresses,
    ...container,
    ...(members && { containers: [...members] }),
    ...(shares && { 'shared-with': shares }),
  }
}

/** A target from its JSON form. */
export function targetOf(json: TargetJson): Target {
  const { engine, id = '', image = '', state = 'running', labels = {}, socket = '' } = json
  const { annotations, startedAt, restarts, key, containers, 'shared-with': shares } = json
  const details = {
    ...(annotations && { annotations }),
    ...(startedAt !== undefined && { startedAt }),
    ...(restarts !== undefined && { restarts }),
  }
  return {
    reference: json.reference,
    name: json.name,
    type: typeOf(json.type),
    prefix: json.prefix,
    netns: json.netns,
    pid: json.pid,
    startTime: json.starttime,
    interfaces: json['network-interfaces'],
    addresses: json.addresses,
    ...(key !== undefined && { key }),
    ...(engine && { container: { engine, id, image, state, labels, socket, ...details } }),
    ...(containers && { members: containers }),
    ...(shares && { shares }),
  }
}

/** Types that this version does not know are shown as what they most probably are. */
function typeOf(type: string): TargetType {
  return [...containerEngines, ...otherTypes].find(known => known === type.toLowerCase()) ?? 'docker'
}
