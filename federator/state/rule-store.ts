import type { AcceptedRule, ShadowReport } from '../../common/index.js';
import { applyRules, mergeRules } from '../../shadow/index.js';
import type { Database } from './database.js';
import type { ReportDocument, RuleDocument, UpgradeState } from './documents.js';

/** Rules of accepted differences: one a place, from upgrade to upgrade. */
export class RuleStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** By place. */
  async list(): Promise<AcceptedRule[]> {
    const rules = await this.#database.rules.find().sort({ endpoint: 1, where: 1, detail: 1 }).toArray();
    return rules.map(ruleOf);
  }

  /** Adds a rule, to what is accepted of the place already. */
  async add(rule: AcceptedRule & { readonly id: string }, upgrade: string, at: Date): Promise<AcceptedRule> {
    const known = await this.#database.rules.findOne({ _id: rule.id });
    const { id, ...merged } = known === null ? rule : { ...mergeRules(ruleOf(known), rule), id: rule.id };
    await this.#database.rules.replaceOne({ _id: id }, { ...merged, upgrade, at }, { upsert: true });
    return { ...merged, id, upgrade, at: at.toISOString() };
  }

  /** False: there is no such rule. */
  async remove(id: string): Promise<boolean> {
    return (await this.#database.rules.deleteOne({ _id: id })).deletedCount > 0;
  }

  /** What a shadow told, with what is accepted marked: by today's rules, or by those of its promotion. */
  async marked(told: ReportDocument, state: UpgradeState): Promise<ReportDocument> {
    if (told.report === null) return told;
    const report: ShadowReport = applyRules(told.report, this.#frozen(told, state) ?? (await this.list()));
    const open = report.differences.filter(({ accepted }) => !accepted).length;
    return { ...told, report, status: { ...told.status, verdict: report.verdict, differences: open } };
  }

  /** A promotion that was undone leaves its rules behind: they hold where it stands. */
  #frozen({ promotedWith }: ReportDocument, state: UpgradeState): readonly AcceptedRule[] | undefined {
    return ['starting', 'shadowing', 'stopped'].includes(state) ? undefined : promotedWith;
  }
}

function ruleOf({ _id, at, ...rule }: RuleDocument): AcceptedRule {
  return { ...rule, id: _id, at: at.toISOString() };
}
