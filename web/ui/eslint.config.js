import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['dist', 'node_modules'] },
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs.recommended,
  { languageOptions: { globals: globals.browser } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } },
  },
  {
    rules: {
      // TypeScript knows better which names exist.
      'no-undef': 'off',
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
      'svelte/no-at-html-tags': 'error',
      // An address is parsed and thrown away; it is no state.
      'svelte/prefer-svelte-reactivity': 'off',
      // The page has a router of its own (src/state/router.svelte.ts), not SvelteKit's.
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
);
