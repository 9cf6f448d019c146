import { describe, expect, it } from 'vitest';
import { causeOf, type Suspect } from '../../shadow/effect-cause.js';
import { EffectHabits } from '../../shadow/effect-habits.js';

interface Named extends Suspect {
  readonly name: string;
}

function suspect(name: string, more: Partial<Suspect> & { readonly ids?: readonly string[] } = {}): Named {
  const { ids = [], ...rest } = more;
  return {
    name,
    safe: false,
    differs: false,
    effectDiffers: false,
    likelihood: () => 0.5,
    marks: () => new Set(ids),
    ...rest,
  };
}

const cause = (suspects: readonly Named[], key = 'state:mongo:orders/⟨id 7⟩', content = ''): string =>
  causeOf(suspects, key, content, 'state:mongo:orders/*')!.name;

describe('the cause of an effect that several exchanges may have had', () => {
  it.each([
    ['names the same id', [suspect('same', { ids: ['⟨id 7⟩'] }), suspect('other', { ids: ['⟨id 8⟩'] })]],
    ['is meant to have effects', [suspect('same'), suspect('other', { safe: true })]],
    ['differs in its answer', [suspect('same', { differs: true }), suspect('other')]],
    ['is the latest', [suspect('other'), suspect('same')]],
  ])('is the one that %s', (_why, suspects) => {
    expect(cause(suspects)).toBe('same');
  });

  it('is none where there is nobody', () => {
    expect(causeOf([], 'k', '', 'k')).toBeUndefined();
  });

  it('is the one whose endpoint does such things, though another speaks of the same thing', () => {
    const habits = new EffectHabits();
    for (let i = 0; i < 20; i++) {
      habits.add('POST /cart', ['state:redis:cart:*']);
      habits.add('POST /cancel', ['state:mongo:orders/*.status', 'state:mongo:products/"x".stock']);
    }
    const by = (endpoint: string) => ({
      differs: true,
      likelihood: (place: string) => habits.likelihood(endpoint, place),
    });
    const cart = suspect('cart', { ...by('POST /cart'), ids: ['arm-monitor'] });
    const cancel = suspect('cancel', { ...by('POST /cancel'), effectDiffers: true });
    const place = 'state:mongo:products/"arm-monitor"';
    expect(causeOf([cart, cancel], place, '', place)?.name).toBe('cancel');
    expect(causeOf([cancel, cart], 'state:redis:cart:9', '', 'state:redis:cart:*')?.name).toBe('cart');
  });

  it('is the one that differs, though it is not known yet what its endpoint does', () => {
    const place = 'state:mongo:orders/⟨id 7⟩';
    const created = suspect('created', { ids: ['⟨id 7⟩'], likelihood: () => 0.98 });
    const cancelled = suspect('cancelled', { ids: ['⟨id 7⟩'], differs: true });
    expect(causeOf([created, cancelled], place, '', place)?.name).toBe('cancelled');
    expect(causeOf([cancelled, created], place, '', place)?.name).toBe('cancelled');
  });
});

describe('habits', () => {
  it('know nothing of what was never alone, and never are certain', () => {
    const habits = new EffectHabits();
    expect(habits.likelihood('GET /', 'file:uploads/a.png')).toBe(0.5);
    habits.add('POST /upload', ['file:uploads/a.png', 'file:uploads/b.png']);
    expect(habits.likelihood('POST /upload', 'file:uploads/c.png')).toBe(0.75);
    expect(habits.likelihood('POST /upload', 'state:mongo:files/*')).toBe(0.25);
  });
});
