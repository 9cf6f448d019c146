import js from '@eslint/js';
import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** What a part may import, besides itself: DESIGN's one-way graph, parts only through their index. */
const boundaries = {
  common: [],
  // What apps load takes single files of common: behind its door are stores and processes.
  tasks: ['common'],
  'cluster-agent': ['common', 'tasks'],
  shadow: ['common', 'tasks'],
  migrations: ['common'],
  federator: ['common', 'cluster-agent', 'shadow', 'migrations'],
};
const parts = Object.keys(boundaries);

/** What `part` may import of `other`, as a pattern. */
const doors = { tasks: { common: '(errors|config/schedule|frames/histogram|frames/index)\\.js$' } };

function boundaryRule(part) {
  const patterns = [];
  for (const other of parts) {
    if (other === part) continue;
    if (!boundaries[part].includes(other)) {
      patterns.push({ regex: `^(\\.\\./)+${other}/`, message: `${part} must not import ${other}` });
    } else {
      patterns.push({
        regex: `^(\\.\\./)+${other}/(?!${doors[part]?.[other] ?? 'index\\.js$'})`,
        message: `import ${other} through its index.js`,
      });
    }
  }
  return {
    files: [`${part}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
}

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'native/build/', '.dharma/', '**/node_modules/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts', '.js'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [
        createNodeResolver({ extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } }),
      ],
    },
    rules: {
      'import-x/no-cycle': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-console': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "CallExpression[callee.object.name='AbortSignal'][callee.property.name='any'] CallExpression[callee.property.name='timeout']",
          message: 'such a timeout is collected as garbage and never fires: use withDeadline',
        },
      ],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'Buffer',
          'URL',
          'URLSearchParams',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'setImmediate',
          'fetch',
          'AbortController',
          'AbortSignal',
          'performance',
          'TextEncoder',
          'TextDecoder',
          'structuredClone',
          'require',
          'module',
          '__dirname',
        ].map((n) => [n, 'readonly']),
      ),
    },
  },
  ...parts.map(boundaryRule),
);
